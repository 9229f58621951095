# `make` lists the targets. Each sets up what it needs, in .venv, the first time.

PYTHON ?= python3

# This Makefile's own environment; `make clean` deletes it.
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt
SET_UP := $(VENV)/set-up

# A real photograph that matplotlib ships. Looked up when a recipe needs it, so after the set-up.
PHOTO = $(shell $(BIN)/python -c "import matplotlib.cbook as cbook; \
	print(cbook.get_sample_data('grace_hopper.jpg', asfileobj=False))")

.DEFAULT_GOAL := help
.PHONY: help demo test clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

demo: $(SET_UP) ## caption a photograph, translate two sentences, continue a prompt
	$(BIN)/inwords caption "$(PHOTO)"
	$(BIN)/inwords translate --from de --to en "Ein Hund läuft durch den Schnee."
	$(BIN)/inwords translate --from en --to de "Two children are playing in the park."
	$(BIN)/inwords generate "ROMEO:" --length 200

test: $(SET_UP) ## ruff, mypy and all tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -q

clean: ## delete the environment and everything else that can be made again
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find captioning common data tests translation -name __pycache__ -prune -exec rm -rf {} +

# aac-metrics is a peer that our caption scores are tested against. The tests use two of its modules,
# which need PyTorch and numpy alone; its other dependencies (transformers, CLAP and more) would
# replace our versions of numpy and tokenizers. So it comes without them, and `pip check` says so.
$(SET_UP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable ".[test]"
	$(INSTALL) --no-deps aac-metrics
	touch $@

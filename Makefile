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

# What the benchmarks run beside us, each in an environment of its own, with a model that it has trained
# itself for so many minutes; see tests/benchmarks. `make .peers/joeynmt/set-up` only sets up.
PEERS := .peers
PEER_MINUTES ?= 40
PEER_THREADS ?= 1
DRIVERS := tests/benchmarks/peers
RELEASE_joeynmt := joeynmt==2.3.0
RELEASE_opennmt := OpenNMT-py==3.5.0

.DEFAULT_GOAL := help
.PHONY: help demo test peers clean

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
	$(BIN)/pytest -q --numprocesses auto --maxprocesses 4 --dist loadfile

peers: $(PEERS)/joeynmt/trained $(PEERS)/opennmt/trained ## JoeyNMT and OpenNMT-py, trained, for the benchmarks

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

# Both peers ask for old versions of much that they do not need here, so they come without what they ask for.
$(PEERS)/%/set-up: $(DRIVERS)/%.txt
	$(PYTHON) -m venv $(PEERS)/$*
	$(PEERS)/$*/bin/python -m pip install --disable-pip-version-check --requirement $<
	$(PEERS)/$*/bin/python -m pip install --disable-pip-version-check --no-deps $(RELEASE_$*)
	touch $@

$(PEERS)/data/pieces.txt: $(DRIVERS)/prepare.py $(PEERS)/joeynmt/set-up
	$(PEERS)/joeynmt/bin/python $< datasets/multi30k $(PEERS)/data
	touch $@

# Training goes on from a checkpoint that is there: delete `trained` and make it again for more minutes.
$(PEERS)/%/trained: $(PEERS)/%/set-up $(PEERS)/data/pieces.txt
	echo '{"kind": "train", "minutes": $(PEER_MINUTES), "threads": $(PEER_THREADS), "batch": 64}' | \
		OMP_NUM_THREADS=$(PEER_THREADS) $(PEERS)/$*/bin/python $(DRIVERS)/$*_driver.py $(PEERS)
	touch $@

# Else make deletes them as by-products.
.SECONDARY:

import gzip
import json
import re
import tomllib
from pathlib import Path

import pytest

from common.config import build
from data.synthetic import number_in_words
from translation.recipe import TranslatorRecipe
from translation.train_command import OWN_PAIRS

TINY = (
    *(
        "--set",
        "model.vocabulary_size=280",
        "--set",
        "model.embedding_size=8",
        "--set",
        "model.encoder_size=8",
    ),
    *("--set", "model.encoder_layers=1", "--set", "model.decoder_size=16", "--set", "model.decoder_layers=1"),
    *("--set", "training.epochs=1", "--set", "training.device=cpu"),
)
LANGUAGES = ("--from", "de", "--to", "en")


def write(folder, kind, count=60):
    """Files of pairs, in one of the ways in which people have them; returns their names."""
    pairs = [(f"Nummer {n}", f"number {number_in_words(n)}") for n in range(count)]
    if kind == "two files":
        for name, lines in zip(("a.de", "a.en"), zip(*pairs, strict=True), strict=True):
            (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return ("a.de", "a.en")
    if kind == "tsv.gz":
        (folder / "a.tsv.gz").write_bytes(gzip.compress("".join(f"{a}\t{b}\n" for a, b in pairs).encode()))
        return ("a.tsv.gz",)
    records = "".join(json.dumps({"source": a, "target": b}) + "\n" for a, b in pairs)
    (folder / "a.jsonl").write_text(records)
    return ("a.jsonl",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_own_pairs_as_a_process(inwords, tmp_path):
    """Nothing but the pairs and their languages: the rest is chosen, the validation split off."""
    files = write(tmp_path, "two files")
    outcome = inwords("train", "translator", "--pairs", *files, *LANGUAGES, *TINY, cwd=tmp_path)
    assert (outcome.status, outcome.lines) == (0, ["runs/own-pairs/best"]), outcome.err
    chosen, sizes, *_ = outcome.err.splitlines()
    assert chosen.startswith(
        "60 pairs, so training.epochs=1 at most, training.learning_rate=0.002, model.dropout=0.3 ("
    )
    assert sizes.startswith("57 pairs and 3 to validate on, 280 byte pairs, ")
    assert "epoch 1: " in outcome.err
    assert "Nummer " in outcome.err.split("epoch 1: ")[1]  # a sentence and its translation
    run = tmp_path / "runs" / "own-pairs"
    assert {"best", "curves.png", "metrics.jsonl", "training.safetensors"} <= {p.name for p in run.iterdir()}
    config = json.loads((run / "best" / "config.json").read_text(encoding="utf-8"))
    assert config["directions"] == ["de-en"]


@pytest.mark.parametrize("kind", ["tsv.gz", "jsonl"])
def test_one_file_with_an_output_and_a_validation_of_its_own_and_more_epochs_later(call, folder, kind):
    files = write(folder, kind)
    command = ("train", "translator", "--pairs", *files, *LANGUAGES, "--validation", *files, "--both-ways")
    command += ("--output", "mine", *TINY)
    outcome = call(*command)
    assert (outcome.status, outcome.lines) == (0, ["mine/best"]), outcome.err
    assert "\n120 pairs and 120 to validate on, " in outcome.err
    assert "bleu en-de" in outcome.err
    outcome = call(*command, "--set", "training.epochs=2", "--resume")
    assert (outcome.status, outcome.lines) == (0, ["mine/best"])
    lines = (folder / "mine" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [each["epoch"] for each in map(json.loads, lines) if "averaged" not in each] == [1, 2]


def test_start_from_a_model(call, folder, tiny_translator):
    files = write(folder, "jsonl")
    command = ("train", "translator", "--pairs", *files, "--start-from", tiny_translator)
    quick = ("--set", "training.epochs=1")
    outcome = call(*command, *LANGUAGES, *quick)
    assert (outcome.status, outcome.lines) == (0, ["runs/own-pairs/best"]), outcome.err
    assert "training.epochs=1 at most, training.learning_rate=0.0003, model.dropout=0.2" in outcome.err
    assert (folder / "runs/own-pairs/best/tokenizer.json").read_text() == (
        tiny_translator / "tokenizer.json"
    ).read_text()
    refused = call(*command, "--from", "fr", "--to", "en", *quick)
    assert (refused.status, refused.out) == (1, "")
    assert re.search(
        r"^error: start_from .*: the model does not know fr, it knows de, en; ", refused.err, re.M
    )


def test_flags_go_before_what_a_recipe_says(call, folder):
    files = write(folder, "two files")
    (folder / "recipe.toml").write_text(
        'output = "from-recipe"\n[[pairs]]\nsource = "nowhere"\nsource_language = "x"\n'
        'target_language = "y"\n[model]\nheads = 2\n'
    )
    outcome = call(
        "train", "translator", "recipe.toml", "--pairs", *files, *LANGUAGES, "--output", "from-flag", *TINY
    )
    assert (outcome.status, outcome.lines) == (0, ["from-flag/best"]), outcome.err
    assert outcome.err.startswith("57 pairs and 3 to validate on")  # a recipe's settings are its own


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "give a recipe, CONFIG.toml, or the --pairs to learn from"),
        ("--pairs a b c --from de --to en", "--pairs: one or two files, got 3"),
        ("--pairs a b --from de", "--pairs needs --from and --to, the languages of its sentences"),
        (
            "--pairs a recipe.toml --from de --to en",
            "--pairs: recipe.toml seems to be a recipe; name it before",
        ),
        ("recipe.toml --validation a b", "--validation needs --from and --to"),
        ("--pairs --from de --to en", "--pairs: expected at least one argument"),
    ],
)
def test_wrong_calls(call, arguments, message):
    outcome = call("train", "translator", *arguments.split())
    assert (outcome.status, outcome.out) == (2, "")
    assert re.fullmatch(
        rf"error: .*{re.escape(message)}.*\(see inwords train translator --help\)\n", outcome.err
    )


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ({}, "--pairs a.de a.en", "a.de does not exist; check the path"),
        (
            {"a.de": "ein\nzwei\n", "a.en": "one\n"},
            "--pairs a.de a.en",
            "a.de has 2 lines and a.en has 1; line N",
        ),
        (
            {"a.tsv": "ein\tone\tuno\n"},
            "--pairs a.tsv",
            "a.tsv, line 1: expected SOURCE<TAB>TARGET, got 3 colum",
        ),
        ({"a.tsv": "\tone\n"}, "--pairs a.tsv", "a.tsv has no sentence pairs"),
        ({"a.tsv": "ein\tone\n"}, "--pairs a.tsv", "a.tsv: no pairs to validate on can be split off"),
        (
            {"a.tsv": "ein\tone\n"},
            "--pairs a.tsv --to en-GB",
            "target_language must be letters, digits and _",
        ),
        ({"a.tsv": "ein\tone\nzwei\ttwo\n"}, "--pairs a.tsv --start-from x", "x: no such model directory"),
        ({"a.tsv": "ein\tone\n"}, "--pairs a.tsv --set training.keep_bst=2", "did you mean keep_best?"),
        (
            {"a.tsv": "ein\tone\n", "b": "x"},
            "--pairs a.tsv --output b --validation a.tsv",
            "b: cannot be made",
        ),
    ],
)
def test_what_is_wrong_is_named(call, folder, content, arguments, message):
    for name, text in content.items():
        (folder / name).write_text(text)
    outcome = call("train", "translator", *LANGUAGES, *arguments.split())
    assert (outcome.status, outcome.out) == (1, "")
    last = outcome.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last


def test_each_size_of_the_preset_is_a_recipe():
    """Sizes go upwards, the last takes everything, and all of them and fine-tuning build."""
    preset = tomllib.loads(OWN_PAIRS.read_text(encoding="utf-8"))
    sizes, fine_tuning = preset.pop("sizes"), preset.pop("fine_tuning")
    limits = [size.pop("pairs") for size in sizes]
    assert limits == sorted(limits)
    assert limits[-1] == float("inf")
    pairs = [{"source": "a", "source_language": "de", "target_language": "en"}]
    for size in [*sizes, fine_tuning]:
        sections = {
            name: {**preset.get(name, {}), **size[name]} for name in ("model", "training") if name in size
        }
        recipe = build(TranslatorRecipe, {**preset, **size, **sections, "pairs": pairs}, "preset")
        assert recipe.output == Path("runs/own-pairs")
        assert recipe.training.patience
        assert recipe.training.keep_best > 1

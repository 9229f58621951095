import json
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from safetensors.torch import load_file

from captioning.recipe import CaptionerRecipe
from captioning.train_command import OWN_PHOTOGRAPHS
from common.config import build, read_recipe
from data.synthetic import write_shapes


@pytest.fixture
def tiny(weights):
    """Settings of a small network, for the command line."""
    settings = {"backbone": '"resnet18"', "weights": f'"{weights}"', "image_size": "32", "decoder_size": "16"}
    settings |= {"vocabulary_size": "270", "embedding_size": "16", "decoder_layers": "1", "heads": "2"}
    settings |= {"maximum_length": "12"}
    pairs = [f"model.{name}={value}" for name, value in settings.items()]
    return [part for pair in [*pairs, "training.device=cpu"] for part in ("--set", pair)]


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """A folder of 40 drawings, with their captions in a file and one in a text beside each."""
    monkeypatch.chdir(tmp_path)
    write_shapes(tmp_path / "photographs", 40, seed=1, size=32)
    for image in (tmp_path / "photographs").glob("*.png"):
        image.with_suffix(".txt").write_text("Ein Bild.\n", encoding="utf-8")
    return tmp_path / "photographs"


def epochs(folder):
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [each["epoch"] for each in map(json.loads, lines) if "averaged" not in each]


def test_own_photographs_as_a_process(inwords, photographs, tiny):
    """Nothing but the photographs and a text beside each: the rest is chosen, the validation split off."""
    command = ("train", "captioner", "--images", "photographs", "--language", "de", "--epochs", "3")
    quickly = ("tokens_per_batch=5", "training.learning_rate=0.02", "training.average_decay=0.5")
    quickly += (
        "training.warmup_steps=5",
        "training.label_smoothing=0",
        "training.keep_best=1",
        "model.dropout=0",
    )
    command += tuple(part for each in quickly for part in ("--set", each))
    outcome = inwords(*command, *tiny, cwd=photographs.parent)
    assert (outcome.status, outcome.lines) == (0, ["runs/own-photographs/best"]), outcome.err
    chosen, sizes, *_ = outcome.err.splitlines()
    assert chosen == (
        "40 photographs, so training.epochs=3 at most, training.learning_rate=0.02, model.dropout=0, "
        "model.trained_stages=0 (--set changes them)"
    )
    assert sizes.startswith("38 images with 38 captions and 2 images to validate on, 268 byte pairs, ")
    assert "epoch 3: train_loss " in outcome.err
    assert re.search(r"cider-d de [\d.]+ .*\n  shapes-\d+\.png: Ein Bild\.\n", outcome.err)
    run = photographs.parent / "runs" / "own-photographs"
    assert {"best", "curves.png", "metrics.jsonl", "training.safetensors"} <= {p.name for p in run.iterdir()}
    caption = inwords("caption", "photographs/shapes-00000.png", "--model", run / "best", cwd=run.parents[1])
    assert caption.out == "Ein Bild.\n", caption.err


def test_captions_in_a_file_with_a_validation_and_more_epochs_later(call, photographs, tiny):
    captions = photographs / "captions.tsv"
    lines = captions.read_text(encoding="utf-8").splitlines(keepends=True)
    (photographs / "held-out.tsv").write_text("".join(lines[:6]), encoding="utf-8")
    command = ["train", "captioner", "--images", photographs, "--captions", captions]
    command += ["--validation", photographs / "held-out.tsv", "--output", "mine", *tiny]
    outcome = call(*command, "--epochs", "1")
    assert (outcome.status, outcome.lines) == (0, ["mine/best"]), outcome.err
    assert "\n35 images with 35 captions and 5 images to validate on, " in outcome.err
    outcome = call(*command, "--epochs", "2", "--resume")
    assert (outcome.status, outcome.lines) == (0, ["mine/best"]), outcome.err
    assert epochs(Path("mine")) == [1, 2]


def test_start_from_a_model(call, photographs, tiny_captioner):
    command = ["train", "captioner", "--images", photographs, "--start-from", tiny_captioner, "--epochs", "1"]
    outcome = call(*command, "--set", "model.storage=int8")
    assert (outcome.status, outcome.lines) == (0, ["runs/own-photographs/best"]), outcome.err
    assert "learning_rate=0.0002, model.dropout=0.3, model.trained_stages=1 (" in outcome.err
    best = Path("runs/own-photographs/best")
    assert (best / "tokenizer.json").read_text() == (tiny_captioner / "tokenizer.json").read_text()
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny_captioner, best))
    same = "encoder.stages.2.0.conv1.weight"
    assert (before[same] == after[same]).all()
    refused = call(*command, "--language", "fr")
    assert (refused.status, refused.out) == (1, "")
    assert re.search(r"^error: start_from .*: the model does not write fr, it writes en; ", refused.err, re.M)


def test_flags_go_before_what_a_recipe_says(call, photographs, tiny):
    Path("recipe.toml").write_text('output = "from-recipe"\n[[data]]\nimages = "nowhere"\n')
    outcome = call(
        *("train", "captioner", "recipe.toml", "--images", "photographs", "--output", "from-flag"),
        *("--epochs", "1", *tiny),
    )
    assert (outcome.status, outcome.lines) == (0, ["from-flag/best"]), outcome.err
    assert outcome.err.startswith("38 images with 38 captions")  # a recipe's settings are its own
    assert epochs(Path("from-flag")) == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "give a recipe, CONFIG.toml, or the --images to learn from"),
        ("recipe.toml --captions a.csv", "--captions needs --images, the folder of the photographs"),
        ("recipe.toml --language de", "--language needs --images"),
        ("recipe.toml --validation a.csv", "--validation needs --images"),
        ("--images photographs --epochs many", "--epochs: invalid int value: 'many'"),
    ],
)
def test_wrong_calls(call, arguments, message):
    outcome = call("train", "captioner", *arguments.split())
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.endswith("(see inwords train captioner --help)\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--images nowhere", "nowhere does not exist; check the path"),
        ("--images empty", "empty has no captions; expected"),
        ("--images photographs --captions nowhere.csv", "nowhere.csv does not exist; check the path"),
        ("--images empty --captions photographs/captions.tsv", "no such image (40 of 40 are missing)"),
        ("--images photographs --epochs 0", "training: epochs must be at least 1, got 0"),
        ("--images photographs --start-from nowhere", "nowhere: no such model directory"),
        ("--images photographs --language en-GB", "language must be letters, digits and _, got 'en-GB'"),
        ("--images photographs --set training.keep_bst=2", "did you mean keep_best?"),
        ("--images photographs --set model.weights=nowhere", "nowhere: no weights could be read"),
        ("nowhere.toml", "nowhere.toml: cannot be read"),
    ],
)
def test_what_is_wrong_is_named(call, photographs, arguments, message):
    Path("empty").mkdir()
    outcome = call("train", "captioner", *arguments.split())
    assert (outcome.status, outcome.out) == (1, "")
    last = outcome.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last


def test_each_size_of_the_preset_is_a_recipe():
    """Sizes go upwards, the last takes everything, and all of them and fine-tuning build."""
    preset = tomllib.loads(OWN_PHOTOGRAPHS.read_text(encoding="utf-8"))
    sizes, fine_tuning = preset.pop("sizes"), preset.pop("fine_tuning")
    limits = [size.pop("photographs") for size in sizes]
    assert limits == sorted(limits)
    assert limits[-1] == float("inf")
    for size in [*sizes, fine_tuning]:
        sections = {
            name: {**preset.get(name, {}), **size[name]} for name in ("model", "training") if name in size
        }
        values = {**preset, **size, **sections, "data": [{"images": "photographs"}]}
        recipe = build(CaptionerRecipe, values, "preset")
        assert recipe.output == Path("runs/own-photographs")
        assert recipe.training.patience
        assert recipe.training.keep_best > 1


def test_the_recipes_of_the_built_in_captioner_follow_each_other():
    """Each starts from what the one before keeps, and none learns from what is measured."""
    folder = OWN_PHOTOGRAPHS.parent
    names = ("flickr8k", "flickr8k-end-to-end", "flickr8k-reward")
    recipes = [build(CaptionerRecipe, read_recipe(folder / f"{name}.toml"), name) for name in names]
    for before, after in pairwise(recipes):
        assert after.start_from == f"{before.output}/best"
        assert before.model.storage == "float32"
        assert after.validation == before.validation
    assert recipes[-1].reward
    for files in [each for recipe in recipes for each in recipe.data]:
        assert "train" in str(files.names or files.only[0])

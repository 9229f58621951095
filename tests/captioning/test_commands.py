import json

import pytest
import torch
from safetensors.torch import save_file

from captioning.vision import import_models
from data.synthetic import write_shapes


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Twelve drawings and the file of their captions."""
    folder = tmp_path_factory.mktemp("shapes")
    return folder, write_shapes(folder, 12, seed=1)


@pytest.fixture(scope="module")
def trained(inwords, shapes, tmp_path_factory):
    """A captioner of shapes trained for an epoch and, as another process, for one more."""
    folder = tmp_path_factory.mktemp("training")
    torch.manual_seed(0)
    save_file(import_models().resnet18(weights=None).state_dict(), folder / "resnet18.safetensors")
    held_out = write_shapes(folder / "held-out", 4, seed=2)
    data = f'images = "{shapes[0]}"\ncaptions = "{shapes[1]}"\n'
    others = f'images = "held-out"\ncaptions = "{held_out}"\n'
    (folder / "recipe.toml").write_text(
        f'output = "run"\nfeatures = "features"\ntokens_per_batch = 100\n'
        f"[[data]]\n{data}[[validation]]\n{others}"
        '[model]\nbackbone = "resnet18"\nweights = "resnet18.safetensors"\nimage_size = 32\n'
        "vocabulary_size = 270\nembedding_size = 8\ndecoder_size = 16\ndecoder_layers = 1\n"
        'maximum_length = 12\nstorage = "int8"\n'
        "[training]\nepochs = 2\nthreads = 1\n"
    )
    call = ("train", "captioner", "recipe.toml")
    outcomes = [
        inwords(*call, "--set", "training.epochs=1", cwd=folder),
        inwords(*call, "--resume", cwd=folder),
    ]
    return folder, outcomes


def test_train_and_resume(trained, shapes, call):
    folder, outcomes = trained
    for epoch, outcome in enumerate(outcomes, start=1):
        assert (outcome.status, outcome.lines) == (0, ["run/best"])
        assert f"epoch {epoch}: " in outcome.err
    epochs = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [each["epoch"] for each in epochs] == [1, 2]
    assert len(list((folder / "features").iterdir())) == 1  # computed once
    captioned = call("caption", shapes[0], "--model", folder / "run" / "best")
    assert (captioned.status, len(captioned.lines)) == (0, 12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "model.backbon=resnet50"), "unknown setting backbon; did you mean backbone?"),
        (("--set", "model.backbone=vgg16"), "backbone must be one of resnet18"),
        (("--set", "model.backbone=resnet34"), "resnet18.safetensors: not the weights of a resnet34"),
        (("--set", "model.weights=recipe.toml"), "recipe.toml: no weights could be read"),
        (("--set", "tokens_per_batch=0"), "tokens_per_batch must be at least 1, got 0"),
        (("--set", "output=other", "--resume"), "no checkpoint to resume from; train without --resume"),
    ],
)
def test_train_names_the_wrong_setting(trained, call, monkeypatch, arguments, message):
    monkeypatch.chdir(trained[0])
    outcome = call("train", "captioner", "recipe.toml", *arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1].startswith("error: ")
    assert message in outcome.err.splitlines()[-1]

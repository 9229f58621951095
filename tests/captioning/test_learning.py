"""The pictures of shapes are learned; with `tests/translation/test_training.py`, both synthetic tasks."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from captioning.model import Captioner
from captioning.recipe import CaptionerRecipe, CaptionFiles, ModelSettings
from captioning.training import train_captioner
from captioning.vision import import_models
from common.sampling import GREEDY
from common.training import TrainingConfig
from data.synthetic import shapes, write_shapes

SIZE = 96


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """The built-in captioner's ResNet-50 as a torchvision ``state_dict``, to start from."""
    encoder = Captioner.load().encoder
    network = import_models().resnet50(weights=None)
    names = {"stem.0": "conv1"} | {f"stages.{n}": f"layer{n + 1}" for n in range(4)}
    for name, module in encoder.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        ours = next(each for each in names if name == each or name.startswith(f"{each}."))
        theirs = names[ours] + name.removeprefix(ours)
        downsample = theirs.endswith("downsample")
        convolution = network.get_submodule(f"{theirs}.0" if downsample else theirs)
        norm = network.get_submodule(f"{theirs}.1" if downsample else theirs.replace("conv", "bn"))
        with torch.no_grad():
            convolution.weight.copy_(module.weight)
            norm.bias.copy_(module.bias)  # a new one changes nothing else
    save_file(network.state_dict(), tmp_path / "resnet50.safetensors")
    return tmp_path / "resnet50.safetensors"


@pytest.mark.slow
def test_shapes_are_learned(tmp_path, pretrained):
    """At least 99 % of the captions of drawings it has not seen are right, word for word."""
    folders = [(tmp_path / name, count, seed) for name, count, seed in (("shown", 1500, 1), ("held", 50, 2))]
    data = [
        CaptionFiles(folder, write_shapes(folder, count, seed, size=SIZE)) for folder, count, seed in folders
    ]
    recipe = CaptionerRecipe(
        output=tmp_path / "out",
        data=(data[0],),
        validation=(data[1],),
        features=tmp_path / "features",
        model=ModelSettings(
            weights=str(pretrained),
            pool_pads_end=True,
            image_size=SIZE,
            encoder_rate=0.2,
            vocabulary_size=300,
            embedding_size=64,
            decoder_size=128,
            decoder_layers=1,
            dropout=0.1,
        ),
        training=TrainingConfig(
            epochs=4,
            learning_rate=3e-3,
            warmup_steps=20,
            label_smoothing=0.0,
            average_decay=0.98,
            device="cpu",
        ),
        tokens_per_batch=600,
    )
    captioner = Captioner.load(train_captioner(recipe), device="cpu")
    unseen = shapes(300, seed=3, size=SIZE)
    written = [result.text for result in captioner.caption([drawing.image for drawing in unseen], GREEDY)]
    expected = [f"{drawing.caption.capitalize()}." for drawing in unseen]
    assert sum(map(str.__eq__, written, expected)) >= 0.99 * len(unseen)

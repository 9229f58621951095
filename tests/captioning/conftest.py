"""A small pretrained network, and a captioner of colours, which the tests make up."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from captioning.batches import CaptionBatch
from captioning.encoder import ImageEncoderConfig
from captioning.model import Captioner, CaptionerConfig
from captioning.recipe import CaptionerRecipe, CaptionFiles, ModelSettings
from captioning.vision import import_models
from common.decoder import DecoderConfig
from common.tokenizer import Tokenizer
from common.training import TrainingConfig
from data.batches import pad
from data.synthetic import write_shapes


@pytest.fixture(scope="session")
def resnet() -> torch.nn.Module:
    """A ResNet-18 with random weights, and statistics of batch normalisation that are not trivial."""
    torch.manual_seed(1)
    network = import_models().resnet18(weights=None)
    with torch.no_grad():
        network.train()(torch.randn(8, 3, 64, 64))
    return network.eval()


@pytest.fixture(scope="session")
def weights(resnet, tmp_path_factory) -> Path:
    """Its weights in a file, as torchvision names them."""
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(resnet.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def colours(tmp_path_factory) -> tuple[Path, Path]:
    """A captioner that has learned the names of three colours, and a folder with a picture of each."""
    torch.manual_seed(0)
    names = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 70, 220)}
    captions = [f"A {name} wall." for name in names]
    tokenizer = Tokenizer.train("byte-pair", captions, vocabulary_size=280, special_tokens=["<en>"])
    decoder = DecoderConfig(len(tokenizer), 16, 32, layers=1, summary_size=512, memory_size=16, dropout=0.0)
    captioner = Captioner(CaptionerConfig(ImageEncoderConfig("resnet18", 32), decoder), tokenizer)
    folder = tmp_path_factory.mktemp("colours")
    for name, colour in names.items():
        Image.new("RGB", (40, 30), colour).save(folder / f"{name}.png")
    pixels = torch.stack([torch.from_numpy(captioner.pixels(folder / f"{name}.png")) for name in names])
    ids = [[tokenizer.special("<en>"), *tokenizer.encode(each), Tokenizer.EOS] for each in captions]
    batch = CaptionBatch(captioner.encoder.early(pixels), torch.tensor(pad(ids, Tokenizer.PAD)))
    optimizer = torch.optim.Adam([each for each in captioner.parameters() if each.requires_grad], 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        captioner.loss(batch).objective.backward()
        optimizer.step()
    directory = tmp_path_factory.mktemp("models") / "colours"
    captioner.save(directory)
    return directory, folder


@pytest.fixture
def recipe(tmp_path, weights) -> CaptionerRecipe:
    """A quick one: 16 drawings to learn from and 4 to measure on."""
    shown, held_out = (
        CaptionFiles(tmp_path / name, write_shapes(tmp_path / name, count, seed, size=32))
        for name, count, seed in (("shown", 16, 1), ("held-out", 4, 2))
    )
    model = ModelSettings(
        backbone="resnet18",
        weights=str(weights),
        image_size=32,
        vocabulary_size=270,
        embedding_size=16,
        decoder_size=16,
        decoder_layers=1,
        heads=2,
        maximum_length=60,
        storage="float32",
    )
    return CaptionerRecipe(
        output=tmp_path / "out",
        data=(shown,),
        validation=(held_out,),
        features=tmp_path / "features",
        model=model,
        training=TrainingConfig(epochs=2, warmup_steps=2, device="cpu", precision="float32"),
        tokens_per_batch=400,
    )

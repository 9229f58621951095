"""A small pretrained network, which the tests make up."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from captioning.vision import import_models


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

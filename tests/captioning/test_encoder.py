import copy
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from captioning.encoder import ImageEncoder, ImageEncoderConfig
from captioning.resnet import Convolution, fold
from captioning.vision import import_models
from common.errors import InputError


def encoder_of(weights, **changes):
    encoder = ImageEncoder(ImageEncoderConfig(**({"backbone": "resnet18", "image_size": 64} | changes)))
    encoder.load_pretrained(str(weights))
    return encoder


@pytest.fixture(scope="module")
def encoder(weights):
    return encoder_of(weights)


@pytest.fixture(scope="module")
def pixels():
    return torch.randint(256, (2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def normalised(pixels):
    """As torchvision's weights want their pictures."""
    images = pixels.permute(0, 3, 1, 2) / 255
    mean, deviation = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    return (images - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)


def stages(network, images):
    return network.layer4(network.layer3(network.layer2(network.layer1(images))))


def test_early_and_late_are_torchvisions_network_up_to_its_pooling(encoder, resnet, pixels):
    with torch.no_grad():
        grid = encoder.late(encoder.early(pixels))
        assert grid.shape == (2, 4, 512) == (2, encoder.config.places, encoder.config.channels)
        assert torch.allclose(resnet.fc(grid.mean(1)), resnet(normalised(pixels)), atol=1e-4)
        expected = stages(resnet, resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(normalised(pixels))))))
    assert torch.allclose(grid[1, 3], expected[1, :, 1, 1], atol=1e-4)
    assert torch.allclose(grid[1, 1], expected[1, :, 0, 1], atol=1e-4)  # places go along the rows


SHAPES = [(2, 2, 512), (4, 4, 256), (8, 8, 128), (16, 16, 64), (16, 16, 64), (64, 64, 3)]


@pytest.mark.parametrize("count", range(6))
def test_the_grid_is_the_same_wherever_the_network_is_cut(weights, pixels, count):
    encoder = encoder_of(weights)
    with torch.no_grad():
        expected = encoder(pixels)
        encoder.train_stages(count)
        features = encoder.early(pixels)
        assert features.shape == (2, *SHAPES[count])
        for found in (encoder(features), encoder(pixels), encoder.late(features)):
            assert torch.allclose(found, expected, atol=1e-5)


def test_pooling_that_pads_only_at_the_end(weights, resnet, pixels):
    encoder = encoder_of(weights, pool_pads_end=True)
    with torch.no_grad():
        images = resnet.relu(resnet.bn1(resnet.conv1(normalised(pixels))))
        pooled = nn.functional.max_pool2d(
            nn.functional.pad(images, (0, 1, 0, 1)), 3, 2
        )  # after a ReLU: 0 is least
        grid = encoder.late(encoder.early(pixels))
        assert pooled.shape[-1] == 16
        assert torch.allclose(grid, stages(resnet, pooled).flatten(2).mT, atol=1e-4)
        assert not torch.allclose(
            grid, encoder_of(weights).late(encoder_of(weights).early(pixels)), atol=1e-2
        )


@pytest.mark.parametrize(("backbone", "size", "places"), [("resnet18", 32, 1), ("resnet50", 96, 9)])
def test_the_shape_is_as_the_configuration_says(backbone, size, places):
    config = ImageEncoderConfig(backbone, size)
    encoder = ImageEncoder(config)
    grid = encoder.late(encoder.early(torch.zeros(1, size, size, 3, dtype=torch.uint8)))
    assert grid.shape == (1, config.places, config.channels)
    assert config.places == places


def test_learning_leaves_no_traces_but_in_the_weights(weights, pixels):
    encoder = encoder_of(weights)
    first = encoder.train()(pixels)
    assert torch.equal(encoder(pixels), first)
    assert torch.equal(encoder.eval()(pixels), first)


def learning_in(encoder):
    return {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}


def test_nothing_learns_unless_told_and_then_the_convolutions_of_the_last_stages(weights, pixels):
    encoder = encoder_of(weights)
    assert learning_in(encoder) == set()
    convolutions = [name for name, module in encoder.named_modules() if isinstance(module, nn.Conv2d)]
    parts = ["stages.3.", "stages.2.", "stages.1.", "stages.0.", "stem."]
    for count in (5, 1, 3):
        encoder.train_stages(count)
        expected = {f"{name}.weight" for name in convolutions if name.startswith(tuple(parts[:count]))}
        assert learning_in(encoder) == expected
        encoder.zero_grad()
        encoder(pixels).sum().backward()
        assert all(encoder.get_parameter(name).grad is not None for name in expected)
    assert len(expected) == 15  # of each stage two blocks of two, and one that halves the resolution
    with pytest.raises(ValueError, match="trained_stages must be from 0 to 5, got 6"):
        encoder.train_stages(6)


def test_folding_by_hand():
    """A convolution of 2, and a normalisation with mean 6, deviation 4, factor 10 and offset 1."""
    near = 16 - 1e-5  # the normalisation adds this to the variance
    norm = {"running_mean": [6.0], "running_var": [near], "weight": [10.0], "bias": [1.0]}
    state = {f"layer1.0.bn1.{name}": torch.tensor(value) for name, value in norm.items()}
    folded = fold({"layer1.0.conv1.weight": torch.full((1, 1, 1, 1), 2.0)} | state)
    assert folded.keys() == {"stages.0.0.conv1.weight", "stages.0.0.conv1.bias"}
    assert folded["stages.0.0.conv1.weight"].item() == pytest.approx(5)
    assert folded["stages.0.0.conv1.bias"].item() == pytest.approx(-14)  # (2 x - 6) / 4 * 10 + 1 = 5 x - 14


@pytest.mark.parametrize("backbone", ["resnet18", "resnet34", "resnet50"])
def test_the_names_are_those_of_torchvisions_network(backbone):
    network = getattr(import_models(), backbone)(weights=None)
    encoder = ImageEncoder(ImageEncoderConfig(backbone, 64))
    encoder.load_state_dict(fold(network.state_dict()), strict=True)
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = network.eval().layer1(network.maxpool(network.relu(network.bn1(network.conv1(images)))))
        assert torch.allclose(encoder.stages[0](encoder.stem(images)), expected, atol=1e-4)


def missing(path):
    return path


def damaged(path):
    path.write_bytes(b"\x00" * 100)
    return path


def folder(path):
    path.mkdir()
    return path


def other_network(path):
    save_file(import_models().resnet34(weights=None).state_dict(), path)
    return path


def without_classifier(path):
    state = import_models().resnet18(weights=None).state_dict()
    save_file({name: tensor for name, tensor in state.items() if not name.startswith("layer4")}, path)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            missing,
            r"no weights could be read \(.*\); model.weights is a safetensors file, or \"torchvision\"",
        ),
        (damaged, r"no weights could be read"),
        (folder, r"no weights could be read"),
        (other_network, r"not the weights of a resnet18; set model.backbone"),
        (without_classifier, r"not the weights of a resnet18"),
    ],
)
def test_weights_that_cannot_be_taken(encoder, tmp_path, make, message):
    path = make(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match=rf"weights\.safetensors: {message}"):
        encoder.load_pretrained(str(path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "resnet19"}, "backbone must be one of resnet18, .*, got 'resnet19'"),
        ({"image_size": 16}, "image_size must be at least 32, got 16"),
        ({"image_size": 225}, "image_size must be a multiple of 32, got 225"),
    ],
)
def test_wrong_shapes(settings, message):
    with pytest.raises(ValueError, match=message):
        ImageEncoderConfig(**settings)


@pytest.fixture
def convolution():
    torch.manual_seed(1)
    return Convolution(8, 16, 3, 2, 1).requires_grad_(False)


@pytest.mark.parametrize("rows", [1, 5])
def test_a_convolution_is_the_same_at_every_call_whatever_the_batch(convolution, rows):
    features = torch.rand(rows, 8, 12, 10).contiguous(memory_format=torch.channels_last)
    expected = nn.functional.conv2d(features, convolution.weight, convolution.bias, 2, 1)
    with torch.inference_mode():
        for some in (features[:1], features, features, features[:1], features[:1], features):
            assert torch.allclose(convolution(some), expected[: len(some)], atol=1e-6)


@pytest.mark.parametrize("change", ["in place", "assigned", "loaded"])
def test_a_convolution_notices_that_its_weights_have_changed(convolution, change):
    features = torch.rand(2, 8, 12, 10)
    with torch.no_grad():
        convolution(features)
        before = convolution(features)
        if change == "in place":
            convolution.weight.mul_(2)
            convolution.bias.mul_(2)
        else:
            state = {name: 2 * each for name, each in convolution.state_dict().items()}
            convolution.load_state_dict(state, assign=change == "assigned")
        for _ in range(3):
            assert torch.allclose(convolution(features), 2 * before, atol=1e-5)


def test_a_convolution_that_has_been_used_can_be_copied_and_learns(convolution):
    features = torch.rand(2, 8, 12, 10)
    with torch.no_grad():
        for _ in range(2):
            expected = convolution(features)
    for again in (copy.deepcopy(convolution), pickle.loads(pickle.dumps(convolution))):
        assert torch.allclose(again(features), expected, atol=1e-6)
    convolution.requires_grad_(True)
    convolution(features).sum().backward()
    assert convolution.weight.grad is not None
    assert convolution.bias.grad is not None


def test_every_call_of_a_convolution_gives_the_same_bits(convolution):
    features = torch.rand(2, 8, 12, 10).contiguous(memory_format=torch.channels_last)
    around = torch.rand(2, 16, 6, 5).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        first = convolution(features, around, is_rectified=True)
        for _ in range(3):
            assert torch.equal(convolution(features, around, is_rectified=True), first)
    expected = nn.functional.relu(convolution(features) + around)
    assert torch.allclose(first, expected, atol=1e-6)


def test_many_photographs_pass_through_in_parts(encoder):
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(256, (19, 64, 64, 3), dtype=torch.uint8, generator=generator)
    with_gradients = encoder(pixels)
    with torch.no_grad():
        assert torch.allclose(encoder(pixels), with_gradients, atol=1e-4)
        assert encoder.early(pixels[:0]).shape == (0, 2, 2, 512)

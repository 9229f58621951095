import os

import numpy as np
import pytest
import torch

from captioning import features as features_module
from captioning.encoder import ImageEncoder, ImageEncoderConfig
from captioning.features import cached_features
from captioning.photographs import read_photograph, to_pixels
from common.errors import InputError
from data.synthetic import shapes

IN_FULL = torch.autocast("cpu", torch.bfloat16, enabled=False)


@pytest.fixture(scope="module")
def encoder(weights):
    encoder = ImageEncoder(ImageEncoderConfig("resnet18", 32))
    encoder.load_pretrained(str(weights))
    return encoder


@pytest.fixture
def images(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path, drawing in zip(paths, shapes(5, seed=1, size=48), strict=True):
        drawing.image.save(path)
        os.utime(path, (1_000_000, 1_000_000))
    return paths


def direct(encoder, images):
    pixels = np.stack([to_pixels(read_photograph(image, 32), 32) for image in images])
    with torch.no_grad():
        return encoder.early(torch.from_numpy(pixels)).bfloat16()


def files_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_features_are_those_of_the_early_stages(encoder, images, tmp_path, monkeypatch):
    monkeypatch.setattr(features_module, "_BATCH", 2)  # two batches and a rest
    found = cached_features(encoder, images, tmp_path / "a" / "features", IN_FULL)
    assert found.shape == (5, 2, 2, 256)
    # Sums may come in another order in a batch of another size, which can round the other way.
    assert torch.allclose(found.float(), direct(encoder, images).float(), rtol=2**-8, atol=1e-4)


def test_the_file_is_taken_when_it_is_there(encoder, images, tmp_path):
    first = cached_features(encoder, images, tmp_path / "features", IN_FULL)
    (name,) = files_in(tmp_path / "features")
    path = tmp_path / "features" / name
    # Another content shows that it is read and not computed again.
    content = bytearray(path.read_bytes())
    content[:2] = b"\x80\x3f"  # 1 in bfloat16
    assert first.flatten()[0] != 1
    path.write_bytes(content)
    assert cached_features(encoder, images, tmp_path / "features", IN_FULL).flatten()[0] == 1
    assert files_in(tmp_path / "features") == [name]


def test_a_file_cut_short_is_made_again(encoder, images, tmp_path):
    expected = cached_features(encoder, images, tmp_path / "features", IN_FULL).clone()
    (name,) = files_in(tmp_path / "features")
    path = tmp_path / "features" / name
    path.write_bytes(path.read_bytes()[:-10])
    assert torch.equal(cached_features(encoder, images, tmp_path / "features", IN_FULL), expected)


def test_an_interrupted_computation_leaves_no_file_that_looks_whole(encoder, images, tmp_path):
    images[3].write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"3\.png: not a picture"):
        cached_features(encoder, images, tmp_path / "features", IN_FULL)
    assert all(name.endswith(".part") for name in files_in(tmp_path / "features"))


def change_content(images, encoder):
    images[2].write_bytes(images[1].read_bytes() + b"\x00")


def change_time(images, encoder):
    os.utime(images[2], (2_000_000, 2_000_000))


def change_order(images, encoder):
    images.reverse()


def leave_one_out(images, encoder):
    images.pop()


def change_weights(images, encoder):
    with torch.no_grad():
        next(encoder.stages[2].parameters()).add_(0.1)


@pytest.mark.parametrize(
    "change", [change_content, change_time, change_order, leave_one_out, change_weights, None]
)
def test_other_images_or_another_network_make_another_file(weights, images, tmp_path, change):
    encoder = ImageEncoder(ImageEncoderConfig("resnet18", 32, pool_pads_end=change is None))
    encoder.load_pretrained(str(weights))
    cached_features(encoder, images, tmp_path / "features", IN_FULL)
    if change is None:
        encoder = ImageEncoder(ImageEncoderConfig("resnet18", 32))
        encoder.load_pretrained(str(weights))
    else:
        change(images, encoder)
    found = cached_features(encoder, images, tmp_path / "features", IN_FULL)
    assert len(files_in(tmp_path / "features")) == 2
    assert torch.allclose(found.float(), direct(encoder, images).float(), rtol=2**-8, atol=1e-4)


def test_a_missing_image(encoder, images, tmp_path):
    images[1].unlink()
    with pytest.raises(InputError, match=r"1\.png: cannot be read \(No such file or directory\)"):
        cached_features(encoder, images, tmp_path / "features", IN_FULL)


def test_sixteen_bits_come_close(encoder, images, tmp_path):
    in_half = torch.autocast("cpu", torch.bfloat16)
    found = cached_features(encoder, images, tmp_path / "features", in_half).float()
    expected = direct(encoder, images).float()
    assert (found - expected).norm() < 0.03 * expected.norm()

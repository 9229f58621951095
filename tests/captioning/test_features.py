import os

import numpy as np
import pytest
import torch

from captioning import features as features_module
from captioning.batches import CaptionBatch
from captioning.encoder import ImageEncoderConfig
from captioning.features import cached_features, cached_pixels
from captioning.model import Captioner, CaptionerConfig
from captioning.photographs import read_photograph, to_pixels
from common.decoder import DecoderConfig
from common.errors import InputError
from common.tokenizer import Tokenizer
from data.synthetic import shapes

IN_FULL = torch.autocast("cpu", torch.bfloat16, enabled=False)


def captioner_of(weights, trained_stages=1, **changes):
    tokenizer = Tokenizer.train("character", ["a dog"], special_tokens=["<en>"])
    config = CaptionerConfig(
        ImageEncoderConfig("resnet18", 32, **changes),
        DecoderConfig(len(tokenizer), 4, 4, 1, summary_size=512),
    )
    captioner = Captioner(config, tokenizer)
    captioner.encoder.load_pretrained(str(weights))
    captioner.encoder.train_stages(trained_stages)
    return captioner


@pytest.fixture(scope="module")
def captioner(weights):
    return captioner_of(weights)


@pytest.fixture
def images(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path, drawing in zip(paths, shapes(5, seed=1, size=48), strict=True):
        drawing.image.save(path)
        os.utime(path, (1_000_000, 1_000_000))
    return paths


def pixels_of(images):
    return torch.from_numpy(np.stack([to_pixels(read_photograph(image, 32), 32) for image in images]))


def direct(captioner, images):
    with torch.no_grad():
        return captioner.encoder.early(pixels_of(images)).bfloat16()


def files_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize(
    ("trained_stages", "shape"), [(0, (1, 1, 512)), (1, (2, 2, 256)), (2, (4, 4, 128)), (4, (8, 8, 64))]
)
def test_features_are_those_of_what_does_not_learn(
    weights, images, tmp_path, monkeypatch, trained_stages, shape
):
    monkeypatch.setattr(features_module, "_BATCH", 2)  # two batches and a rest
    captioner = captioner_of(weights, trained_stages)
    found = cached_features(captioner, images, tmp_path / "a" / "features", IN_FULL)
    assert found.shape == (5, *shape)
    # Sums may come in another order in a batch of another size, which can round the other way.
    assert torch.allclose(found.float(), direct(captioner, images).float(), rtol=2**-7, atol=1e-4)


def test_the_file_is_taken_when_it_is_there(captioner, images, tmp_path):
    first = cached_features(captioner, images, tmp_path / "features", IN_FULL)
    (name,) = files_in(tmp_path / "features")
    path = tmp_path / "features" / name
    # Another content shows that it is read and not computed again.
    content = bytearray(path.read_bytes())
    content[:2] = b"\x80\x3f"  # 1 in bfloat16
    assert first.flatten()[0] != 1
    path.write_bytes(content)
    assert cached_features(captioner, images, tmp_path / "features", IN_FULL).flatten()[0] == 1
    assert files_in(tmp_path / "features") == [name]


def test_a_file_cut_short_is_made_again(captioner, images, tmp_path):
    expected = cached_features(captioner, images, tmp_path / "features", IN_FULL).clone()
    (name,) = files_in(tmp_path / "features")
    path = tmp_path / "features" / name
    path.write_bytes(path.read_bytes()[:-10])
    assert torch.equal(cached_features(captioner, images, tmp_path / "features", IN_FULL), expected)


def test_an_interrupted_computation_leaves_no_file_that_looks_whole(captioner, images, tmp_path):
    images[3].write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"3\.png: not a picture"):
        cached_features(captioner, images, tmp_path / "features", IN_FULL)
    assert all(name.endswith(".part") for name in files_in(tmp_path / "features"))


def change_content(images, captioner):
    images[2].write_bytes(images[1].read_bytes() + b"\x00")


def change_time(images, captioner):
    os.utime(images[2], (2_000_000, 2_000_000))


def change_order(images, captioner):
    images.reverse()


def leave_one_out(images, captioner):
    images.pop()


def change_weights(images, captioner):
    with torch.no_grad():
        captioner.encoder.stages[2][1].conv2.weight.add_(0.1)


def change_stages(images, captioner):
    captioner.encoder.train_stages(0)


@pytest.mark.parametrize(
    "change", [change_content, change_time, change_order, leave_one_out, change_weights, change_stages, None]
)
def test_other_images_or_another_network_make_another_file(weights, images, tmp_path, change):
    captioner = captioner_of(weights, pool_pads_end=change is None)
    cached_features(captioner, images, tmp_path / "features", IN_FULL)
    if change is None:
        captioner = captioner_of(weights)
    else:
        change(images, captioner)
    found = cached_features(captioner, images, tmp_path / "features", IN_FULL)
    assert len(files_in(tmp_path / "features")) == 2
    assert torch.allclose(found.float(), direct(captioner, images).float(), rtol=2**-7, atol=1e-4)


def test_a_missing_image(captioner, images, tmp_path):
    images[1].unlink()
    with pytest.raises(InputError, match=r"1\.png: cannot be read \(No such file or directory\)"):
        cached_features(captioner, images, tmp_path / "features", IN_FULL)


def test_sixteen_bits_come_close(captioner, images, tmp_path):
    in_half = torch.autocast("cpu", torch.bfloat16)
    found = cached_features(captioner, images, tmp_path / "features", in_half).float()
    expected = direct(captioner, images).float()
    assert (found - expected).norm() < 0.03 * expected.norm()


def test_weights_that_learn_do_not_matter(weights, images, tmp_path):
    for change in (0.0, 0.1):
        captioner = captioner_of(weights)
        with torch.no_grad():
            captioner.encoder.stages[3][0].conv1.weight.add_(change)
        cached_features(captioner, images, tmp_path, IN_FULL)
    assert len(files_in(tmp_path / ".")) == 6  # the five images and one file


def test_pixels_are_those_of_the_images(captioner, images, tmp_path):
    expected = pixels_of(images)
    assert torch.equal(cached_pixels(captioner, images, tmp_path / "features"), expected)
    (name,) = files_in(tmp_path / "features")
    path = tmp_path / "features" / name
    path.write_bytes(bytes(len(path.read_bytes())))
    assert not cached_pixels(captioner, images, tmp_path / "features").any()
    change_content(images, captioner)
    assert torch.equal(cached_pixels(captioner, images, tmp_path / "features"), pixels_of(images))


@pytest.mark.parametrize("trained_stages", range(6))
def test_kept_features_cost_what_the_pixels_cost(weights, images, tmp_path, trained_stages):
    """Wherever the network is cut, up to the rounding to 16 bits."""
    captioner = captioner_of(weights, trained_stages).eval()
    captions = torch.tensor([[4, 5, 6, 2]]).expand(len(images), -1)
    pixels = cached_pixels(captioner, images, tmp_path / "features")
    expected = captioner.loss(CaptionBatch(pixels, captions))
    features = cached_features(captioner, images, tmp_path / "features", IN_FULL)
    found = captioner.loss(CaptionBatch(features, captions))
    assert found.nats == pytest.approx(expected.nats, rel=1e-3)


def test_a_folder_that_cannot_be_made(captioner, images, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file: cannot be written to \(.*\); set `features` to another"):
        cached_pixels(captioner, images, tmp_path / "file")

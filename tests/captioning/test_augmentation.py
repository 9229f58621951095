from random import Random

import numpy as np
import pytest

from captioning.augmentation import augment, may_be_mirrored
from captioning.recipe import SIDES

SIDE = 60


@pytest.mark.parametrize(
    ("captions", "expected"),
    [
        (["A dog."], True),
        (["A dog.", "A dog on the LEFT."], False),
        (["Ein Hund mit der rechten Pfote"], False),
        (["A copyright sign, bright light"], True),
        ([], True),
    ],
)
def test_captions_that_name_a_side(captions, expected):
    assert may_be_mirrored(captions, SIDES) == expected


def ramps():
    """Red grows to the right, green downwards, so that a colour tells where it was; blue is even."""
    pixels = np.full((SIDE, SIDE, 3), 100, dtype=np.uint8)
    pixels[..., 0] = np.arange(SIDE) * 4
    pixels[..., 1] = np.arange(SIDE)[:, None] * 4
    return pixels


def edges(monkeypatch, seed):
    """Left, top, right and bottom of what stays, from 0 to 1, the colours being let be."""
    monkeypatch.setattr("captioning.augmentation._COLOUR", 0.0)
    found = augment(ramps(), Random(seed)).astype(float)
    assert found.shape == (SIDE, SIDE, 3)
    assert np.ptp(found[..., 2]) == 0
    middle = SIDE // 2
    red, green = found[middle, :, 0], found[:, middle, 1]
    assert (np.diff(red) >= 0).all()  # never mirrored, never turned
    assert (np.diff(green) >= 0).all()
    return np.array([red[0], green[0], red[-1], green[-1]]) / (4 * (SIDE - 1))


def test_what_is_cut_off(monkeypatch):
    boxes = np.array([edges(monkeypatch, seed) for seed in range(200)])
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    areas, ratios = widths * heights, widths / heights
    assert areas.min() > 0.46  # a place is known to a pixel or so
    assert 0.65 < np.median(areas) < 0.85
    assert ratios.min() > 0.73
    assert ratios.max() < 1.37
    assert 0.45 < (ratios > 1).mean() < 0.55 or abs(np.log(ratios).mean()) < 0.02
    assert (boxes[:, :2] > 0.03).any(0).all()
    assert (boxes[:, 2:] < 0.97).any(0).all()


def test_colours_change_but_keep_their_names():
    """Of plain colours: what is brightest of red, green and blue stays so, in its order."""
    brightness = []
    for seed in range(100):
        pixels = np.zeros((16, 16, 3), dtype=np.uint8)
        pixels[:] = 180, 120, 60
        red, green, blue = augment(pixels, Random(seed)).reshape(-1, 3).astype(int).T
        assert (red > green + 8).all()
        assert (green > blue + 8).all()
        brightness.append(green[0])
    assert 50 < min(brightness) < 90
    assert 150 < max(brightness) < 200


def test_the_same_random_numbers_make_the_same_picture():
    pixels = ramps()
    first, again, other = (augment(pixels, Random(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert (pixels == ramps()).all()

"""Photographs changed a little, so that what was written about them stays true."""

from collections.abc import Collection, Iterable
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from common.metrics import caption_words

_LEAST_AREA = 0.5
_WIDEST = 4 / 3
_COLOUR = 0.4


def may_be_mirrored(captions: Iterable[str], unless: Collection[str]) -> bool:
    """Whether all captions stay true of the mirrored photograph: none has one of the words ``unless``."""
    return not any(word in unless for caption in captions for word in caption_words(caption))


def augment(pixels: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """Cut something off the edges, and change brightness, contrast and saturation.

    50 to 100 % of the area stay, of an aspect ratio up to 4:3 another (as Szegedy et al., 2015,
    arXiv:1409.4842, section 6, but less: what is described should stay in the picture). Hue
    is left alone, as captions name colours.

    Args:
        pixels: Red, green and blue in 0..255, (side, side, 3).
        random: What decides.

    Returns:
        Another picture of the same shape.
    """
    image, side = Image.fromarray(pixels), len(pixels)
    area = random.uniform(_LEAST_AREA, 1)
    # Wider than this, the area would not fit into the picture.
    widest = min(_WIDEST, 1 / area)
    ratio = widest ** random.uniform(-1, 1)
    width, height = side * (area * ratio) ** 0.5, side * (area / ratio) ** 0.5
    left, top = random.uniform(0, side - width), random.uniform(0, side - height)
    box = (left, top, min(left + width, side), min(top + height, side))
    image = image.resize((side, side), Image.Resampling.BILINEAR, box=box)
    changes = [ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color]
    random.shuffle(changes)
    for change in changes:
        image = change(image).enhance(random.uniform(1 - _COLOUR, 1 + _COLOUR))
    return np.array(image)

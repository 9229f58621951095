"""Why a caption came out as it did: where the decoder looked, and what else it had in mind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from captioning.photographs import read_photograph, seen
from common.choices import Choices, by_words, choices_of
from common.errors import InputError
from common.reading import read_given
from common.tokenizer import Tokenizer

if TYPE_CHECKING:
    from captioning.model import Captioner, Photograph

MOST = 100
"""Photographs on one page."""

UNSEEN, DARK = 0.1, 0.3
"""The light that is left where the captioner sees nothing, and where it looked at nothing."""

# Pixels of a photograph on the page, and of its longest side.
_AREA, _LONGEST = 400_000, 1600
_SMALLEST = 400
_BATCH = 16


@dataclass(frozen=True)
class CaptionExplanation:
    """A photograph, its caption, and where in it was looked for each word.

    Attributes:
        name: Of the photograph.
        photograph: RGB, upright, of a size to be shown.
        choices: The words of the caption without its end; their attention is over the places of a
            square grid, row by row, that covers all that is :func:`~captioning.photographs.seen`.
        language: Of the caption.
    """

    name: str
    photograph: Image.Image
    choices: Choices
    language: str


def check(captioner: Captioner, count: int) -> None:
    """Raise InputError unless captions of so many photographs can be explained; ask before the work."""
    if captioner.decoder.attention is None:
        raise InputError("this model has no attention: there is nothing to see; take one that has")
    if count > MOST:
        raise InputError(f"{count} photographs to explain; give at most {MOST}")


@torch.inference_mode()
def explain_captions(
    captioner: Captioner,
    captioned: Sequence[tuple[str, Photograph, str]],
    language: str | None = None,
) -> list[CaptionExplanation]:
    """Read each caption beside its photograph once more, all words in one call.

    Args:
        captioner: Who wrote them, or would like to.
        captioned: The name of each photograph, what :meth:`Captioner.caption` takes, and a caption.
        language: Of the captions; the model's first without.

    Raises:
        InputError: As :func:`check` does; a photograph cannot be read.
    """
    check(captioner, len(captioned))
    tag, language = captioner.language_tag(language), language or captioner.config.languages[0]
    explanations = []
    for first in range(0, len(captioned), _BATCH):
        some = captioned[first : first + _BATCH]
        pictures = [read_photograph(source, _SMALLEST) for _, source, _ in some]
        captions = captioner.tokenizer.encode_batch([caption for _, _, caption in some])
        pixels = torch.from_numpy(np.stack([captioner.pixels(each) for each in pictures]))
        readings = read_given(
            captioner.decoder,
            captioner.start(pixels),
            [[tag]] * len(some),
            [[*ids, Tokenizer.EOS] for ids in captions],
            keep_logits=True,
        )
        for (name, _, _), picture, reading in zip(some, pictures, readings, strict=True):
            words = _without_end(by_words(choices_of(reading, captioner.tokenizer)))
            explanations.append(CaptionExplanation(name, _reduced(picture), words, language))
    return explanations


def _without_end(words: Choices) -> Choices:
    """The words without the end-of-sentence, for which nothing in particular is looked at."""
    rows = None if words.attention is None else words.attention[:-1]
    return Choices(words.pieces[:-1], words.probabilities[:-1], words.rivals[:-1], words.entropies[:-1], rows)


def _reduced(picture: Image.Image) -> Image.Image:
    """A picture of a size to be shown, in its own shape."""
    width, height = picture.size
    scale = min(1.0, (_AREA / (width * height)) ** 0.5, _LONGEST / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def light(attention: Sequence[float], size: tuple[int, int]) -> Image.Image:
    """How much of a photograph's light to leave for one word: all where was looked most, little where least.

    Args:
        attention: Of the places of a square grid, row by row.
        size: Width and height of the result, whose shape is the photograph's.

    Returns:
        Greys (mode ``L``), smooth between the middles of the places, and darkest outside of what is seen.
    """
    side = math.isqrt(len(attention))
    grid = np.array(attention, dtype=np.float32).reshape(side, side)
    left, top, right, bottom = map(round, seen(*size))
    inner = max(1, right - left), max(1, bottom - top)
    smooth = np.asarray(Image.fromarray(grid / grid.max()).resize(inner, Image.Resampling.BICUBIC))
    whole = Image.new("L", size, round(255 * UNSEEN))
    whole.paste(Image.fromarray(np.uint8(255 * (DARK + (1 - DARK) * smooth.clip(0, 1)))), (left, top))
    return whole

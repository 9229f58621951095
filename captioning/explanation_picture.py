"""Where in photographs was looked, as one picture: for each word the photograph, dark elsewhere."""

from collections.abc import Sequence

from PIL import Image

from captioning.explaining import CaptionExplanation, light
from common.picture import DOUBT, INK, MARGIN, MUTED, SURE, Box, Photo, Picture, Text, width_of
from common.words import percent, shown, visible

TILES = 6
"""Photographs beside one another."""
WIDTH, HIGHEST, BETWEEN = 120.0, 150.0, 10.0
BAR = 36.0
PIXELS = 2.5
"""Of a photograph, for each point."""


def lay_out(explanations: Sequence[CaptionExplanation]) -> Picture:
    """Place all that is to be drawn; the picture grows downwards."""
    picture = Picture(height=MARGIN)
    for explanation in explanations:
        _add(picture, explanation)
    legend = "light: where the captioner looked for the word  ·  bar: how probable the word was"
    legend = legend if explanations else "nothing was captioned"
    picture.write(Text(MARGIN, picture.height + 8, legend, 7.5, MUTED))
    picture.height += 8 + MARGIN
    picture.width += MARGIN
    return picture


def _add(picture: Picture, explanation: CaptionExplanation) -> None:
    """Add one photograph below what is there: as it is, then as it was seen for each word."""
    choices = explanation.choices
    picture.write(Text(MARGIN, picture.height + 9, visible(explanation.name)[-120:], 8, MUTED))
    caption = "".join(choices.pieces).strip()
    picture.write(Text(MARGIN, picture.height + 26, visible(caption), 12))
    picture.height += 38
    width, height = explanation.photograph.size
    scale = min(WIDTH / width, HIGHEST / height)
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    size = max(1, round(width * PIXELS)), max(1, round(height * PIXELS))
    small = explanation.photograph.resize(size, Image.Resampling.LANCZOS)
    dark = Image.new("RGB", size)
    for place in range(len(choices.pieces) + 1):
        x = MARGIN + place % TILES * (WIDTH + BETWEEN)
        y = picture.height + place // TILES * (height + 40)
        looked = small
        if place and choices.attention is not None:
            looked = Image.composite(small, dark, light(choices.attention[place - 1], size))
        picture.photos.append(Photo(x + (WIDTH - width) / 2, y, width, height, looked))
        if place:
            _add_word(picture, x, y + height, choices.pieces[place - 1], choices.probabilities[place - 1])
    picture.width = max(
        picture.width, MARGIN + min(TILES, len(choices.pieces) + 1) * (WIDTH + BETWEEN) - BETWEEN
    )
    picture.height += (len(choices.pieces) // TILES + 1) * (height + 40) + MARGIN / 2


def _add_word(picture: Picture, x: float, y: float, word: str, probability: float) -> None:
    """Add a word and its probability below its photograph."""
    middle, text = x + WIDTH / 2, shown(word)
    size = min(11.0, 11.0 * WIDTH / max(WIDTH, width_of(text, 11)))
    picture.write(Text(middle, y + 13, text, size, INK, "middle"))
    left = middle - (BAR + 26) / 2
    picture.boxes.append(Box(left, y + 19, BAR, 5, DOUBT))
    picture.boxes.append(Box(left, y + 19, BAR * probability, 5, SURE))
    picture.write(Text(left + BAR + 4, y + 24.5, percent(probability), 8, MUTED))

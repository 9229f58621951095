"""Explanations of translations as one picture: a heat map of attention each, one below another."""

from collections.abc import Sequence

from common.choices import Rival
from common.picture import (
    BLUE,
    DOUBT,
    GAP,
    INK,
    MARGIN,
    MUTED,
    PALE,
    SURE,
    WHITE,
    Box,
    Picture,
    Text,
    blend,
    width_of,
)
from common.words import percent, shown
from translation.explanation import STRONG, Explanation, by_words, shade

BAR = 44.0


def lay_out(explanations: Sequence[Explanation]) -> Picture:
    """Place all that is to be drawn; the picture grows with the words."""
    picture = Picture(height=MARGIN)
    for explanation in explanations:
        _add(picture, by_words(explanation))
    legend = "shade: where the translation looked  ·  bar: how probable its word was  ·  right: its rivals"
    legend = legend if explanations else "nothing was translated"
    picture.write(Text(MARGIN, picture.height + 8, legend, 7.5, MUTED))
    picture.height += 8 + MARGIN
    picture.width += MARGIN
    return picture


def _add(picture: Picture, words: Explanation) -> None:
    """Add one explanation below what is there."""
    choices = words.choices
    source, target = [shown(word) for word in words.source], [shown(word) for word in choices.pieces]
    column = min(40.0, max(19.0, 440 / max(1, len(source))))
    row = max(18.0, min(28.0, column, 400 / max(1, len(target))))
    size = 11.0 if min(column, row) > 24 else 9.5
    left = MARGIN + max((width_of(word, size) for word in target), default=0.0) + GAP
    widest = max((width_of(word, size) for word in source), default=0.0)
    slant = 45.0 if widest > column - 6 else 0.0
    heading = f"{words.source_language} → {words.target_language}"
    picture.write(Text(MARGIN, picture.height + 9, heading, 9, MUTED))
    top = picture.height + GAP + size + (0.71 * widest if slant else 0.0) + GAP
    for number, word in enumerate(source):
        x = left + (number + 0.5) * column
        place = Text(x + size / 5, top - 5, word, size, anchor="start", angle=slant)
        picture.write(place if slant else Text(x, top - 7, word, size, anchor="middle"))
    aside = left + len(source) * column + GAP
    for number, word in enumerate(target):
        y = top + number * row
        picture.write(Text(left - GAP / 2, y + row / 2 + size * 0.36, word, size, anchor="end"))
        _add_cells(picture, words.attention[number], Box(left, y, column, row, PALE))
        _add_probability(picture, aside, y + row / 2, choices.probabilities[number], choices.rivals[number])
    picture.height = top + len(target) * row + MARGIN


def _add_cells(picture: Picture, attention: Sequence[float], first: Box) -> None:
    """Add a row of the heat map; ``first`` is its first cell."""
    for number, value in enumerate(attention):
        x = first.x + number * first.width
        colour = blend(PALE, BLUE, shade(value))
        picture.boxes.append(Box(x + 0.5, first.y + 0.5, first.width - 1, first.height - 1, colour))
        if value >= 0.05 and first.width >= 24:
            middle = first.y + first.height / 2 + 2.9
            ink = WHITE if value >= STRONG else INK
            picture.write(Text(x + first.width / 2, middle, f"{100 * value:.0f}", 8, ink, "middle"))


def _add_probability(
    picture: Picture, x: float, y: float, probability: float, rivals: Sequence[Rival]
) -> None:
    """Add a bar for a word's probability, and its rivals; ``y`` is the middle of the row."""
    picture.boxes.append(Box(x, y - 3, BAR, 6, DOUBT))
    picture.boxes.append(Box(x, y - 3, BAR * probability, 6, SURE))
    picture.write(Text(x + BAR + 31, y + 3, percent(probability), 8.5, anchor="end"))
    others = "  ·  ".join(f"{shown(rival)} {percent(value)}" for rival, value in rivals)
    picture.write(Text(x + BAR + 31 + GAP, y + 3, others, 8, MUTED))

"""What a language model wrote as a picture: coloured lines of text, the entropy along it below."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby

from common.generation.explanation import TextExplanation, running_mean, summary
from common.picture import (
    AMBER,
    BLUE,
    CELL,
    GAP,
    INK,
    MARGIN,
    MUTED,
    WHITE,
    Box,
    Line,
    Picture,
    Text,
    blend,
    cells_of,
)
from common.words import visible

CELLS = 96
"""Signs to a line."""
SIZE, LEADING = 10.0, 17.0
CHART = 64.0
"""Height of the entropy."""

Sign = tuple[str, int]
"""A sign and the number of the token that it is a part of; that of the prompt's is -1."""


def lay_out(explanations: Sequence[TextExplanation]) -> Picture:
    """Place all that is to be drawn; the picture grows downwards."""
    picture = Picture(width=MARGIN + CELLS * CELL * SIZE, height=MARGIN)
    for explanation in explanations:
        picture.write(Text(MARGIN, picture.height + 9, summary(explanation), 8, MUTED))
        picture.height += 9 + GAP
        _add_text(picture, explanation)
        _add_chart(picture, explanation)
    legend = (
        "amber: not probable  ·  grey: the prompt  ·  bars and curve: the entropy of each choice, smoothed"
        "  ·  blue: a loop and its rounds"
    )
    picture.write(Text(MARGIN, picture.height + 8, legend, 7.5, MUTED))
    picture.height += 8 + MARGIN
    picture.width += MARGIN
    return picture


def _signs(explanation: TextExplanation) -> Iterable[Sign]:
    pieces = [(explanation.prompt, -1)]
    pieces += ((piece, number) for number, piece in enumerate(explanation.choices.pieces))
    for piece, number in pieces:
        for sign in piece.expandtabs(4):
            yield sign if sign in " \n" else visible(sign), number


def lines_of(signs: Iterable[Sign]) -> list[list[Sign]]:
    """Break signs into lines, after a space if there is one; a line break ends its line."""
    lines, line = list[list[Sign]](), list[Sign]()
    for sign in signs:
        if sign[0] == "\n":
            lines.append([*line, sign])
            line = []
            continue
        line.append(sign)
        if sum(cells_of(each) for each, _ in line) > CELLS:
            spaces = [place for place, (each, _) in enumerate(line[:-1]) if each == " "]
            end = spaces[-1] + 1 if spaces else len(line) - 1
            lines.append(line[:end])
            line = line[end:]
    return [*lines, line] if line else lines


def _add_text(picture: Picture, explanation: TextExplanation) -> None:
    for line in lines_of(_signs(explanation)):
        top, place = picture.height, MARGIN
        for number, group in groupby(line, key=lambda sign: sign[1]):
            text = "".join(sign for sign, _ in group).replace("\n", "↵")
            width = sum(map(cells_of, text)) * CELL * SIZE
            if number >= 0:
                _add_token(picture, explanation, number, Box(place, top, width, LEADING - 2, WHITE))
            place += width
        for written, signs in groupby(line, key=lambda sign: sign[1] >= 0):
            _add_run(picture, line, list(signs), top + 11, INK if written else MUTED)
        picture.height += LEADING
    picture.height += GAP


def _add_run(picture: Picture, line: Sequence[Sign], signs: Sequence[Sign], y: float, colour: str) -> None:
    """Write the signs of one colour, which come first or last on their line."""
    before = 0 if signs[0] is line[0] else sum(cells_of(sign) for sign, _ in line[: -len(signs)])
    text = "".join(sign for sign, _ in signs)
    x = MARGIN + before * CELL * SIZE
    if shown := text.removesuffix("\n"):
        picture.write(Text(x, y, shown, SIZE, colour, equal=True))
    if text.endswith("\n"):
        x += sum(map(cells_of, text[:-1])) * CELL * SIZE
        picture.write(Text(x, y, "↵", SIZE, MUTED, equal=True))


def _add_token(picture: Picture, explanation: TextExplanation, number: int, place: Box) -> None:
    """Colour the place of a token, or of its part on a line, and mark it if it is in a loop."""
    doubt = 0.6 * (1 - explanation.choices.probabilities[number])
    picture.boxes.append(Box(place.x, place.y, place.width, place.height, blend(WHITE, AMBER, doubt)))
    loop = explanation.loop
    if loop and number >= loop.start:
        picture.boxes.append(Box(place.x, place.y + place.height, place.width, 1, BLUE))
        if (number - loop.start) % loop.period == 0:
            picture.boxes.append(Box(place.x - 0.75, place.y, 1.5, place.height + 1, BLUE))


def _add_chart(picture: Picture, explanation: TextExplanation) -> None:
    """Add the entropy of each choice, of neighbours together where they are too many, and its mean."""
    bits, width = explanation.bits, CELLS * CELL * SIZE
    if not bits:
        return
    top, left, bottom = max(1, math.ceil(max(bits))), MARGIN, picture.height + CHART
    step = width / len(bits)
    start = explanation.loop.start * step if explanation.loop else width
    shade = blend(WHITE, BLUE, 0.12)
    picture.boxes.append(Box(left + start, picture.height, width - start, CHART, shade))
    together = math.ceil(len(bits) / width)
    for place in range(0, len(bits), together):
        some = bits[place : place + together]
        height, bar = sum(some) / len(some) / top * CHART, step * len(some)
        bar *= 0.8 if bar > 2 else 1
        amber = blend(WHITE, AMBER, 0.5)
        picture.boxes.append(Box(left + place * step, bottom - height, bar, height, amber))
    if explanation.loop:
        picture.boxes.append(Box(left + start - 0.75, picture.height, 1.5, CHART, BLUE))
    curve = [
        (left + (place + 0.5) * step, bottom - each / top * CHART)
        for place, each in enumerate(running_mean(bits))
    ]
    picture.lines.append(Line(tuple(curve), INK))
    picture.lines.append(Line(((left, bottom), (left + width, bottom)), MUTED, 0.75))
    picture.write(Text(left, picture.height + 5, f"{top} bits", 6.5, MUTED))
    picture.height = bottom + MARGIN

"""Explanations as one picture: a heat map of attention each, one below another.

Laid out once as boxes and texts, then written as SVG, whose texts stay texts, or drawn as
PNG by matplotlib's objects, without its global state. Lengths are in points, 72 an inch, from the
top left corner.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Literal

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

from common.errors import InputError
from translation.explanation import STRONG, Explanation, by_words, percent, shade, shown

INK, MUTED, WHITE = "#1f2933", "#667383", "#ffffff"
PALE, BLUE = "#f1f4f9", "#185fbe"
SURE, DOUBT = "#2e9b7d", "#fbdfae"
MARGIN, GAP, BAR = 24.0, 12.0, 44.0
PIXELS_PER_INCH, LEAST_PIXELS_PER_INCH = 200.0, 72.0
MOST_PIXELS, MOST_PIXELS_A_SIDE = 50_000_000, 60_000

_FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"  # comes with matplotlib


@dataclass(frozen=True)
class Box:
    """A filled rectangle; ``x`` and ``y`` are its top left corner."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class Text:
    """A line of text; ``x`` and ``y`` are on its base line, where ``anchor`` says; ``angle`` is upwards."""

    x: float
    y: float
    text: str
    size: float
    colour: str = INK
    anchor: Literal["start", "middle", "end"] = "start"
    angle: float = 0.0


@dataclass
class Picture:
    """What to draw, and how much room it takes so far."""

    width: float = 0.0
    height: float = 0.0
    boxes: list[Box] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


def lay_out(explanations: Sequence[Explanation]) -> Picture:
    """Place all that is to be drawn; the picture grows with the words."""
    picture = Picture(height=MARGIN)
    for explanation in explanations:
        _add(picture, by_words(explanation))
    legend = "shade: where the translation looked  ·  bar: how probable its word was  ·  right: its rivals"
    _write(
        picture,
        Text(MARGIN, picture.height + 8, legend if explanations else "nothing was translated", 7.5, MUTED),
    )
    picture.height += 8 + MARGIN
    picture.width += MARGIN
    return picture


def _add(picture: Picture, words: Explanation) -> None:
    """Add one explanation below what is there."""
    source, target = [shown(word) for word in words.source], [shown(word) for word in words.target]
    column = min(40.0, max(19.0, 440 / max(1, len(source))))
    row = max(18.0, min(28.0, column, 400 / max(1, len(target))))
    size = 11.0 if min(column, row) > 24 else 9.5
    left = MARGIN + max((_width(word, size) for word in target), default=0.0) + GAP
    widest = max((_width(word, size) for word in source), default=0.0)
    slant = 45.0 if widest > column - 6 else 0.0
    heading = f"{words.source_language} → {words.target_language}"
    _write(picture, Text(MARGIN, picture.height + 9, heading, 9, MUTED))
    top = picture.height + GAP + size + (0.71 * widest if slant else 0.0) + GAP
    for number, word in enumerate(source):
        x = left + (number + 0.5) * column
        place = Text(x + size / 5, top - 5, word, size, anchor="start", angle=slant)
        _write(picture, place if slant else Text(x, top - 7, word, size, anchor="middle"))
    aside = left + len(source) * column + GAP
    for number, word in enumerate(target):
        y = top + number * row
        _write(picture, Text(left - GAP / 2, y + row / 2 + size * 0.36, word, size, anchor="end"))
        _add_cells(picture, words.attention[number], Box(left, y, column, row, PALE))
        _add_probability(picture, aside, y + row / 2, words.probabilities[number], words.rivals[number])
    picture.height = top + len(target) * row + MARGIN


def _add_cells(picture: Picture, attention: Sequence[float], first: Box) -> None:
    """Add a row of the heat map; ``first`` is its first cell."""
    for number, value in enumerate(attention):
        x = first.x + number * first.width
        colour = _blend(PALE, BLUE, shade(value))
        picture.boxes.append(Box(x + 0.5, first.y + 0.5, first.width - 1, first.height - 1, colour))
        if value >= 0.05 and first.width >= 24:
            middle = first.y + first.height / 2 + 2.9
            ink = WHITE if value >= STRONG else INK
            _write(picture, Text(x + first.width / 2, middle, f"{100 * value:.0f}", 8, ink, "middle"))


def _add_probability(
    picture: Picture, x: float, y: float, probability: float, rivals: Sequence[tuple[str, float]]
) -> None:
    """Add a bar for a word's probability, and its rivals; ``y`` is the middle of the row."""
    picture.boxes.append(Box(x, y - 3, BAR, 6, DOUBT))
    picture.boxes.append(Box(x, y - 3, BAR * probability, 6, SURE))
    _write(picture, Text(x + BAR + 31, y + 3, percent(probability), 8.5, anchor="end"))
    others = "  ·  ".join(f"{shown(rival)} {percent(value)}" for rival, value in rivals)
    _write(picture, Text(x + BAR + 31 + GAP, y + 3, others, 8, MUTED))


def _write(picture: Picture, text: Text) -> None:
    """Add a text, and widen the picture for it."""
    picture.texts.append(text)
    share = {"start": 1.0, "middle": 0.5, "end": 0.0}[text.anchor] * (0.75 if text.angle else 1.0)
    picture.width = max(picture.width, text.x + share * _width(text.text, text.size))


def _width(text: str, size: float) -> float:
    font = FontProperties(fname=_FONT, size=size)
    return float(text_to_path.get_text_width_height_descent(_drawable(text), font, False)[0])


def _blend(start: str, end: str, share: float) -> str:
    pairs = [(int(start[place : place + 2], 16), int(end[place : place + 2], 16)) for place in (1, 3, 5)]
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)


@cache
def _known() -> frozenset[int]:
    return frozenset(get_font(str(_FONT)).get_charmap())


def _drawable(text: str) -> str:
    """The text with an empty box for each sign that the font lacks; marks and joiners just go."""
    signs = []
    for sign in text:
        if ord(sign) in _known():
            signs.append(sign)
        elif unicodedata.category(sign) not in ("Mn", "Me", "Cf"):
            signs.append("□")
    return "".join(signs)


def svg(picture: Picture) -> bytes:
    """The picture as SVG; its texts can be searched and copied."""
    size = f"{picture.width:.0f} {picture.height:.0f}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{size.split()[0]}pt" '
        f'height="{size.split()[1]}pt" font-family="\'DejaVu Sans\', Verdana, sans-serif">',
        f'<rect width="100%" height="100%" fill="{WHITE}"/>',
    ]
    for box in picture.boxes:
        lines.append(
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
            f'fill="{box.colour}"/>'
        )
    for text in picture.texts:
        turn = f' transform="rotate({-text.angle:g} {text.x:.1f} {text.y:.1f})"' if text.angle else ""
        lines.append(
            f'<text x="{text.x:.1f}" y="{text.y:.1f}" font-size="{text.size:g}" fill="{text.colour}" '
            f'text-anchor="{text.anchor}"{turn}>{escape(text.text)}</text>'
        )
    return "\n".join([*lines, "</svg>", ""]).encode()


def png(picture: Picture) -> bytes:
    """The picture as PNG, at fewer pixels an inch if it is large.

    Raises:
        InputError: It is too large.
    """
    inches = picture.width / 72, picture.height / 72
    fitting = min((MOST_PIXELS / (inches[0] * inches[1])) ** 0.5, MOST_PIXELS_A_SIDE / max(inches))
    if fitting < LEAST_PIXELS_PER_INCH:
        raise InputError("too much for one PNG; choose .html or .svg, or fewer sentences")
    figure = Figure(figsize=inches, dpi=min(PIXELS_PER_INCH, fitting), facecolor=WHITE)
    canvas = FigureCanvasAgg(figure)
    corners = [
        [(box.x + x * box.width, box.y + y * box.height) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
        for box in picture.boxes
    ]
    points = Affine2D().scale(1 / picture.width, -1 / picture.height).translate(0, 1) + figure.transFigure
    colours = [box.colour for box in picture.boxes]
    figure.add_artist(PolyCollection(corners, facecolors=colours, linewidths=0, transform=points))
    for text in picture.texts:
        figure.text(
            text.x,
            text.y,
            _drawable(text.text),
            color=text.colour,
            fontproperties=FontProperties(fname=_FONT, size=text.size),
            horizontalalignment={"start": "left", "middle": "center", "end": "right"}[text.anchor],
            transform=points,
            verticalalignment="baseline",
            rotation=text.angle,
            rotation_mode="anchor",
            parse_math=False,  # a dollar is a dollar
            usetex=False,
        )
    content = BytesIO()
    canvas.print_png(content)  # type: ignore[no-untyped-call]
    return content.getvalue()

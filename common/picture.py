"""Pictures of boxes, lines, texts and photographs, as SVG, whose texts stay texts, or as PNG.

A PNG is drawn by matplotlib's objects, without its global state. Lengths are in points, 72 an inch,
from the top left corner.
"""

import re
import unicodedata
from dataclasses import dataclass, field, replace
from functools import cache
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D, Transform
from PIL import Image

from common.data_uri import data_uri
from common.errors import InputError

INK, MUTED, WHITE = "#1f2933", "#667383", "#ffffff"
PALE, BLUE = "#f1f4f9", "#185fbe"
SURE, DOUBT, AMBER = "#2e9b7d", "#fbdfae", "#f5a014"
MARGIN, GAP = 24.0, 12.0
CELL = 0.602
"""Width of a sign of the font of equal widths, as a share of the size."""
PIXELS_PER_INCH, LEAST_PIXELS_PER_INCH = 200.0, 72.0
MOST_PIXELS, MOST_PIXELS_A_SIDE = 50_000_000, 60_000

_FONTS = Path(matplotlib.get_data_path()) / "fonts/ttf"  # come with matplotlib
_FONT, _EQUAL_FONT = _FONTS / "DejaVuSans.ttf", _FONTS / "DejaVuSansMono.ttf"


@dataclass(frozen=True)
class Box:
    """A filled rectangle; ``x`` and ``y`` are its top left corner."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class Line:
    """A line through points (x, y)."""

    points: tuple[tuple[float, float], ...]
    colour: str
    thickness: float = 1.0


@dataclass(frozen=True)
class Text:
    """A line of text; ``x`` and ``y`` are on its base line, where ``anchor`` says; ``angle`` is upwards.

    With ``equal`` all its signs are as wide, see :func:`cells_of`, its spaces are kept, and it
    starts at ``x``.
    """

    x: float
    y: float
    text: str
    size: float
    colour: str = INK
    anchor: Literal["start", "middle", "end"] = "start"
    angle: float = 0.0
    equal: bool = False


@dataclass(frozen=True)
class Photo:
    """An RGB picture, stretched to a rectangle; ``x`` and ``y`` are its top left corner."""

    x: float
    y: float
    width: float
    height: float
    image: Image.Image


@dataclass
class Picture:
    """What to draw, texts above all else, and how much room it takes so far."""

    width: float = 0.0
    height: float = 0.0
    boxes: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    photos: list[Photo] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    def write(self, text: Text) -> None:
        """Add a text, and widen the picture for it."""
        self.texts.append(text)
        share = {"start": 1.0, "middle": 0.5, "end": 0.0}[text.anchor] * (0.75 if text.angle else 1.0)
        self.width = max(self.width, text.x + share * width_of(text.text, text.size, equal=text.equal))


def width_of(text: str, size: float, *, equal: bool = False) -> float:
    """How wide a text is."""
    if equal:
        return sum(map(cells_of, text)) * CELL * size
    font = FontProperties(fname=_FONT, size=size)
    return float(text_to_path.get_text_width_height_descent(_drawable(text, _FONT), font, False)[0])


def cells_of(sign: str) -> int:
    """How many times as wide as others a sign is in the font of equal widths: 1, 0 for marks, or 2."""
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def blend(start: str, end: str, share: float) -> str:
    """A colour between two."""
    pairs = [(int(start[place : place + 2], 16), int(end[place : place + 2], 16)) for place in (1, 3, 5)]
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)


@cache
def _known(font: Path) -> frozenset[int]:
    return frozenset(get_font(str(font)).get_charmap())


def _drawable(text: str, font: Path) -> str:
    """The text with an empty box for each sign that the font lacks; marks and joiners just go."""
    signs = []
    for sign in text:
        cells = cells_of(sign)
        if ord(sign) in _known(font) and (cells == 1 or font == _FONT):
            signs.append(sign)
        elif cells:
            signs.append("□" + " " * (font == _EQUAL_FONT and cells == 2))
    return "".join(signs)


def svg(picture: Picture) -> bytes:
    """The picture as SVG; its texts can be searched and copied."""
    width, height = f"{picture.width:.0f}", f"{picture.height:.0f}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}pt" '
        f'height="{height}pt" font-family="\'DejaVu Sans\', Verdana, sans-serif">',
        f'<rect width="100%" height="100%" fill="{WHITE}"/>',
    ]
    for box in picture.boxes:
        lines.append(f'<rect {_place(box)} fill="{box.colour}"/>')
    for line in picture.lines:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in line.points)
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{line.colour}" '
            f'stroke-width="{line.thickness:g}"/>'
        )
    for photo in picture.photos:
        lines.append(f'<image {_place(photo)} preserveAspectRatio="none" href="{data_uri(photo.image)}"/>')
    lines += map(_svg_text, picture.texts)
    return "\n".join([*lines, "</svg>", ""]).encode()


def _place(each: Box | Photo) -> str:
    return f'x="{each.x:.1f}" y="{each.y:.1f}" width="{each.width:.1f}" height="{each.height:.1f}"'


def _svg_text(text: Text) -> str:
    more = f' transform="rotate({-text.angle:g} {text.x:.1f} {text.y:.1f})"' if text.angle else ""
    if text.equal:
        width = width_of(text.text, text.size, equal=True)
        more += f' xml:space="preserve" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
        more += " font-family=\"'DejaVu Sans Mono', monospace\""
    return (
        f'<text x="{text.x:.1f}" y="{text.y:.1f}" font-size="{text.size:g}" fill="{text.colour}" '
        f'text-anchor="{text.anchor}"{more}>{escape(text.text)}</text>'
    )


def png(picture: Picture) -> bytes:
    """The picture as PNG, at fewer pixels an inch if it is large.

    Raises:
        InputError: It is too large.
    """
    inches = picture.width / 72, picture.height / 72
    fitting = min((MOST_PIXELS / (inches[0] * inches[1])) ** 0.5, MOST_PIXELS_A_SIDE / max(inches))
    if fitting < LEAST_PIXELS_PER_INCH:
        raise InputError("too much for one PNG; choose .html or .svg, or have less explained")
    figure = Figure(figsize=inches, dpi=min(PIXELS_PER_INCH, fitting), facecolor=WHITE)
    canvas = FigureCanvasAgg(figure)
    points = Affine2D().scale(1 / picture.width, -1 / picture.height).translate(0, 1) + figure.transFigure
    _draw_shapes(figure, picture, points)
    for text in picture.texts:
        _draw_text(figure, text, points)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]
    scale = figure.dpi / 72
    for photo in picture.photos:
        left, top = round(photo.x * scale), round(photo.y * scale)
        size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
        drawn.paste(photo.image.resize(size, Image.Resampling.BICUBIC), (left, top))
    content = BytesIO()
    drawn.save(content, "PNG")
    return content.getvalue()


def _draw_shapes(figure: Figure, picture: Picture, points: Transform) -> None:
    corners = [
        [(box.x + x * box.width, box.y + y * box.height) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
        for box in picture.boxes
    ]
    colours = [box.colour for box in picture.boxes]
    figure.add_artist(PolyCollection(corners, facecolors=colours, linewidths=0, transform=points))
    for line in picture.lines:
        figure.add_artist(
            LineCollection([line.points], colors=line.colour, linewidths=line.thickness, transform=points)
        )


def _draw_text(figure: Figure, text: Text, points: Transform) -> None:
    if not text.equal:
        _draw_words(figure, text, _FONT, points)
        return
    # Word by word: hinting makes signs a little wider, which adds up.
    for word in re.finditer(r"\S+", text.text):
        before = width_of(text.text[: word.start()], text.size, equal=True)
        _draw_words(figure, replace(text, x=text.x + before, text=word[0]), _EQUAL_FONT, points)


def _draw_words(figure: Figure, text: Text, font: Path, points: Transform) -> None:
    figure.text(
        text.x,
        text.y,
        _drawable(text.text, font),
        color=text.colour,
        fontproperties=FontProperties(fname=font, size=text.size),
        horizontalalignment={"start": "left", "middle": "center", "end": "right"}[text.anchor],
        transform=points,
        verticalalignment="baseline",
        rotation=text.angle,
        rotation_mode="anchor",
        parse_math=False,  # a dollar is a dollar
        usetex=False,
    )

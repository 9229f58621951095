"""Draws the four shapes of recurrent networks: ``python -m common.four_shapes docs/four-shapes.svg``.

After Karpathy, 2015, "The Unreasonable Effectiveness of Recurrent Neural Networks", with what
this suite makes of each.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

INK, READ, STATE, WRITTEN = "#1f2933", "#f6c9a8", "#bfe3c8", "#bcd4f5"
_WIDTH, _HEIGHT, _STEP = 1.24, 0.62, 1.62


@dataclass(frozen=True)
class Shape:
    """One of the four: what is read and written at each step, from left to right; "" for nothing.

    Attributes:
        name: How the field calls it.
        example: What in this suite has it.
        reads: Below, at each step.
        writes: Above, at each step.
    """

    name: str
    example: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


SHAPES = (
    Shape("one to one", "one photograph in, one word out:\nno recurrence", ("photo",), ("“dog”",)),
    Shape(
        "one to many",
        "inwords caption: the photograph becomes\nthe first state, words come out",
        ("photo", "", ""),
        ("a", "dog", "runs"),
    ),
    Shape(
        "many to one",
        "inwords detect: a sentence is read,\nits language comes out",
        ("Ein", "Hund", "rennt"),
        ("", "", "German"),
    ),
    Shape(
        "many to many",
        "inwords translate: a sentence is read,\nthen another is written",
        ("Ein", "Hund", "rennt", "", "", ""),
        ("", "", "", "a", "dog", "runs"),
    ),
)


def draw(shapes: Sequence[Shape]) -> Figure:
    """All shapes side by side; lengths are in the units of one step."""
    widths = [max(3.2, len(shape.reads) * _STEP + 0.5) for shape in shapes]
    figure = Figure(figsize=(sum(widths) * 0.66, 3.3), facecolor="white")
    columns = figure.subplots(1, len(shapes), width_ratios=widths)
    for axes, shape, width in zip(columns, shapes, widths, strict=True):
        _draw_shape(axes, shape, width)
    figure.subplots_adjust(left=0.005, right=0.995, top=0.99, bottom=0.01, wspace=0.02)
    return figure


def _draw_shape(axes: Axes, shape: Shape, width: float) -> None:
    axes.set(xlim=(0, width), ylim=(-1.5, 4.1), aspect="equal")
    axes.set_axis_off()
    axes.text(width / 2, 3.75, shape.name, ha="center", va="center", weight="bold", size=12, color=INK)
    axes.text(width / 2, -0.95, shape.example, ha="center", va="center", size=8.5, color=INK)
    first = (width - (len(shape.reads) - 1) * _STEP) / 2
    for step, (read, written) in enumerate(zip(shape.reads, shape.writes, strict=True)):
        x = first + step * _STEP
        if step:
            _arrow(axes, (x - _STEP + _WIDTH / 2, 1.5), (x - _WIDTH / 2, 1.5))
        _box(axes, x, 1.5, "state" if len(shape.reads) > 1 else "layers", STATE)
        if read:
            _box(axes, x, 0.1, read, READ)
            _arrow(axes, (x, 0.1 + _HEIGHT / 2), (x, 1.5 - _HEIGHT / 2))
        if written:
            _box(axes, x, 2.9, written, WRITTEN)
            _arrow(axes, (x, 1.5 + _HEIGHT / 2), (x, 2.9 - _HEIGHT / 2))
            if step + 1 < len(shape.reads):
                # What was written is read at the next step.
                _arrow(axes, (x + _WIDTH / 2, 2.75), (x + _STEP - _WIDTH / 4, 1.5 + _HEIGHT / 2), bend=-0.3)


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    corner = x - _WIDTH / 2 + 0.1, y - _HEIGHT / 2 + 0.1
    style = "round,pad=0.1,rounding_size=0.14"
    size = _WIDTH - 0.2, _HEIGHT - 0.2
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, facecolor=colour, edgecolor="none"))
    axes.text(x, y - 0.02, text, ha="center", va="center", size=9.5, color=INK)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=9,
            linewidth=1.1,
            color=INK if not bend else "#8a97a8",
            shrinkA=1,
            shrinkB=1,
            connectionstyle=f"arc3,rad={bend}",
        )
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the picture to the file named; its suffix says in which format."""
    parser = argparse.ArgumentParser(prog="python -m common.four_shapes", description=__doc__)
    parser.add_argument("output", type=Path, metavar="FILE.svg|FILE.png")
    path = parser.parse_args(arguments).output
    if path.suffix not in (".svg", ".png"):
        parser.error(f"{path}: give a name that ends in .svg or .png")
    # Without a date and with fixed names the same picture is the same file.
    with rc_context({"svg.hashsalt": "inwords", "svg.fonttype": "none", "font.family": "DejaVu Sans"}):
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        draw(SHAPES).savefig(path, dpi=150, metadata=metadata)


if __name__ == "__main__":
    main()

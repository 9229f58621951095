"""Texts side by side, or one below the other where that is too wide."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import zip_longest

_NARROWEST = 26
_GAP = "   "


def lay_out(texts: Sequence[str], headings: Sequence[str], width: int | None = None) -> str:
    """The texts under their headings, in as many columns.

    Args:
        texts: At least one.
        headings: One line for each text.
        width: Cells of a line; where columns would have less than 26 of them, and without a
            width, the texts come one below the other, as they are.
    """
    if width is not None:
        width = (width + len(_GAP)) // len(texts) - len(_GAP)
    if width is None or width < _NARROWEST:
        blocks = zip(headings, texts, strict=True)
        return "\n\n".join(f"{heading}\n{'-' * cells(heading)}\n{text}" for heading, text in blocks)
    columns = [
        [*wrap(heading, width), "-" * width, *wrap(text, width)]
        for heading, text in zip(headings, texts, strict=True)
    ]
    rows = zip_longest(*columns, fillvalue="")
    return "\n".join(_GAP.join(each + " " * (width - cells(each)) for each in row).rstrip() for row in rows)


def wrap(text: str, width: int) -> list[str]:
    """The lines of a text, broken where they have more than ``width`` cells: between words if possible."""
    lines: list[str] = []
    for whole in text.expandtabs(4).splitlines():
        line = ""
        for word in re.findall(r"\s*\S+|\s+$", whole):
            if line and cells(line + word) > width:
                lines.append(line)
                line, word = "", word.lstrip()
            for character in word:
                if cells(line + character) > width:
                    lines.append(line)
                    line = ""
                line += character
        lines.append(line)
    return lines


def cells(text: str) -> int:
    """How wide a text is on a terminal: Chinese characters and emoji have two cells, accents none."""
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

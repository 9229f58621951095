"""Marks as the training data have them, in what a model reads, and in pairs in what it writes."""

import re

from translation import abbreviations
from translation.placeholders import PLACEHOLDERS

JOINERS = "\u200c\u200d\ufe0e\ufe0f"
"""Which emoji and some scripts need."""

WITHOUT_WIDTH = dict.fromkeys(
    [
        0xAD,
        0x61C,
        0x180E,
        0x200B,
        0x200E,
        0x200F,
        0x2060,
        0xFEFF,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    ]
)
"""Soft hyphens, byte-order marks and marks of direction, each to nothing."""

PLAIN = (
    dict.fromkeys(map(ord, "“”„‟"), '"')
    | dict.fromkeys(map(ord, "‘’‚‛ʼ´′"), "'")
    | dict.fromkeys(map(ord, "\u2010\u2011"), "-")
    | {ord("…"): "..."}
    | dict.fromkeys(map(ord, JOINERS), "")
    # Those that a user wrote and that are too many to carry.
    | {ord(placeholder): str(number) for number, placeholder in enumerate(PLACEHOLDERS, start=1)}
)
"""Each character that is written otherwise in the training data, to what stands for it there."""

_STOP = re.compile(r"(?<![^\s(\"'„«-])([^\W\d_]{2,})\.$")
_CLOSED_BY = {'"': '"', "„": "“", "«": "»"}


def plain(text: str) -> str:
    """Text in the typography of the training data."""
    return " ".join(re.split(r"\s+", text.translate(PLAIN)))


def closed_alike(text: str) -> str:
    """Text in which each quotation is closed in the way it was opened; the data have several ways.

    What stands before a mark decides alone, so that text can be given out as it is written.
    """
    if not any(mark in text for mark in _CLOSED_BY):
        return text  # nothing is opened
    parts, to_close = [""], [""]
    for character in text:
        begins = not parts[-1].strip(" „«")
        if character in "„«" or (character == '"' and (begins or not to_close[-1])):
            to_close.append(_CLOSED_BY[character])
        elif character in '"“”»' and to_close[-1]:
            closing = to_close.pop()
            apart = " " if closing == "»" != character and not parts[-1].isspace() else ""
            character = apart + closing
        parts.append(character)
    return "".join(parts)


def ended_alike(text: str, source: str) -> str:
    """A translation without the full stop that its source ends without, as headings and items of lists do.

    Captions' translators have added many.
    """
    last = _STOP.search(text)
    added = last and source[-1:].isalnum() and last[1].lower() not in abbreviations.ALL
    return text[:-1] if added else text

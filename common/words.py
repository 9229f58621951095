"""Tokens for people, who read words: which pieces make one, and how it is shown."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby

EOS = "<eos>"
"""How the end-of-sentence reads."""

_BYTE = re.compile(r"<0x([89A-F][0-9A-F])>")
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u9fff"
# Accents that stand alone, and what is left of a character that is not whole.
_MARK = "\u0300-\u036f\udc80-\udcff\ufffd"
_LETTERS = rf"(?:[^\W{_IDEOGRAPH}]|[{_MARK}])+"
# An ideograph; a word with its apostrophes and hyphens, or a number with its points; or other signs together.
_WORD = re.compile(
    rf"[{_IDEOGRAPH}]|{_LETTERS}(?:(?:['’-]|(?<=\d)[.,:/]){_LETTERS})*|(?:(?![{_MARK}])[^\w\s])+"
)


def words_of(pieces: Sequence[str]) -> list[range]:
    """The places of the pieces of each word; a piece belongs to the word in which it starts."""
    ended = bool(pieces) and pieces[-1] == EOS
    parts = [_as_bytes(piece) for piece in pieces[: len(pieces) - ended]]
    text = b"".join(parts).decode("utf-8", "surrogateescape")
    # Counted in bytes, because a piece may be a part of a character.
    ends = [len(text[: match.end()].encode("utf-8", "surrogateescape")) for match in _WORD.finditer(text)]
    starts = [sum(map(len, parts[:place])) for place in range(len(parts))]
    # White space belongs to the word after it, at the very end to the one before.
    numbers = [min(bisect_right(ends, start), len(ends) - 1) for start in starts]
    groups = [list(group) for _, group in groupby(range(len(parts)), key=numbers.__getitem__)]
    words = [range(group[0], group[-1] + 1) for group in groups]
    return [*words, range(len(parts), len(pieces))] if ended else words


def text_of(pieces: Sequence[str], word: range) -> str:
    """The text of a word: one space if it starts with white space, then its characters."""
    joined = b"".join(_as_bytes(pieces[place]) for place in word).decode("utf-8", "replace")
    return " " * joined[:1].isspace() + " ".join(joined.split())


def _as_bytes(piece: str) -> bytes:
    """The bytes that a piece stands for; ``<0xF0>`` is one that is no whole character."""
    symbols = _BYTE.sub(lambda match: chr(0xDC00 + int(match[1], 16)), piece)
    return symbols.encode("utf-8", "surrogateescape")


def visible(word: str) -> str:
    """The word without its space, and with signs in place of what cannot be written into a page."""
    signs = (chr(0x2400 + ord(sign)) if sign < " " else sign for sign in word.strip())
    return "".join("\ufffd" if sign in "\x7f\ufffe\uffff" else sign for sign in signs) or (
        "↵" if "\n" in word else "␣"
    )


def shown(word: str) -> str:
    """The word as `visible`, without its middle if it is long."""
    word = visible(word)
    return word if len(word) <= 24 else f"{word[:15]}…{word[-8:]}"


def percent(probability: float) -> str:
    """A probability to read."""
    text = f"{100 * probability:.0f}%"
    return "<1%" if text == "0%" and probability > 0.0 else text

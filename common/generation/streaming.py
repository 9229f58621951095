"""Text as it comes, token by token, until it says that it is to end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.tokenizer import Tokenizer

# What stands for bytes that are no character, or not yet one.
_HALF = "\ufffd"


def spell(tokenizer: Tokenizer, before: Sequence[int], tokens: Iterable[int]) -> Iterator[str]:
    """The text of ``tokens``, which come after ``before``: a piece for each as soon as it comes.

    A piece is empty as long as a character is not complete; what is left of such at the end is a
    piece more. Joined they are what ``before`` and the tokens decode to, without that of ``before``.
    """
    # Whether a space stands before a word depends on whether anything else does.
    known, waiting = list(before[-1:]), list[int]()
    read = len(tokenizer.decode(known))
    for token in tokens:
        waiting.append(token)
        text = tokenizer.decode([*known, *waiting])[read:]
        if text.endswith(_HALF):
            yield ""
            continue
        yield text
        known, waiting = waiting, []
        read = len(tokenizer.decode(known))
    if waiting:
        yield tokenizer.decode([*known, *waiting])[read:]


def count_needed(pieces: Iterable[str], length: int) -> int:
    """How many of the pieces together have ``length`` characters; all of them if they have less."""
    reached = number = 0
    for number, piece in enumerate(pieces, 1):
        if reached >= length:
            return number - 1
        reached += len(piece)
    return number


def find_stop(text: str, stops: Iterable[str]) -> int | None:
    """The place of the first of ``stops`` in the text; None if none of them is there."""
    return min((place for stop in stops if (place := text.find(stop)) >= 0), default=None)


def until(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """The pieces up to the first of ``stops`` in the text that they make, which may span several of them.

    What may become one of them is held back until that is known. More than needed is not asked for.
    """
    held = ""
    for piece in pieces:
        held += piece
        found = find_stop(held, stops)
        sure = _sure_length(held, stops)
        if found is not None and found <= sure:
            yield held[:found]
            return
        yield held[:sure]
        held = held[sure:]
    yield held[: find_stop(held, stops)]


def _sure_length(text: str, stops: Sequence[str]) -> int:
    """How much of the text there is before what may be the beginning of one of ``stops``, at its end."""
    longest = max(map(len, stops), default=1)
    for place in range(max(0, len(text) - longest + 1), len(text)):
        if any(stop.startswith(text[place:]) for stop in stops):
            return place
    return len(text)

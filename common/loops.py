"""Where a text goes round in circles, as what always takes the likeliest soon does."""

from collections.abc import Sequence
from dataclasses import dataclass

# So much that comes a second time, up to the end, is not there by chance.
_LONG = 20


@dataclass(frozen=True)
class Loop:
    """Some tokens that come again and again.

    Attributes:
        start: The place of the first of them.
        period: How many there are before they come again.
        end: The place after the last that is as one period before it.
    """

    start: int
    period: int
    end: int


def is_loop(tokens: Sequence[object]) -> bool:
    """Whether some tokens come at least three times in a row, or a single one four times."""
    return _anywhere(tokens) is not None


def find_loop(tokens: Sequence[object]) -> Loop | None:
    """Where tokens, such as the characters of a text, begin to go round in circles, if they do.

    A loop that goes on to the end comes before any other: at least three times there, a single
    token four times, and twice is enough from 20 tokens on. The one that begins first is
    taken, with its shortest period. Without such, the shortest that comes so often elsewhere.
    """
    return _at_the_end(tokens) or _anywhere(tokens)


def _times(period: int) -> int:
    """How often so many tokens must come to be a loop."""
    return 3 if period > 1 else 4


def _at_the_end(tokens: Sequence[object]) -> Loop | None:
    """The first of the loops that go on to the end, in linear time.

    Read backwards, the tokens from place p on begin as the whole does for as long as the period
    p lasts (the Z function, Gusfield, 1997, section 1.4).
    """
    size, backwards = len(tokens), tokens[::-1]
    same = [0] * size
    left = right = 0  # the stretch that reaches farthest of those known to be as the beginning
    found: Loop | None = None
    for place in range(1, size // 2 + 1):
        length = min(right - place, same[place - left]) if place < right else 0
        while place + length < size and backwards[length] == backwards[place + length]:
            length += 1
        same[place] = length
        if place + length > right:
            left, right = place, place + length
        times = 2 if place >= _LONG else _times(place)
        start = size - place - length
        if length >= place * (times - 1) and (found is None or start < found.start):
            found = Loop(start, place, size)
    return found


def _anywhere(tokens: Sequence[object]) -> Loop | None:
    """The shortest loop there is, of equals the first.

    What comes three times covers two multiples of its period next to each other, so only
    those are compared (Main and Lorentz, 1984): about n log n steps for n tokens of a text.
    """
    size = len(tokens)
    for period in range(1, size // 3 + 1):
        for place in range(0, size - period, period):
            if tokens[place] != tokens[place + period]:
                continue
            start, end = place, place + period
            while start and tokens[start - 1] == tokens[start - 1 + period]:
                start -= 1
            while end < size and tokens[end] == tokens[end - period]:
                end += 1
            if end - start >= period * _times(period):
                return Loop(start, period, end)
    return None

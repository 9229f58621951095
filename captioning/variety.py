"""Captions that are well worded, and several of one photograph that are not the same caption twice."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from common.search import Beam, Sampling, Strategy

T = TypeVar("T")

ALIKE = 0.7
"""The share of words in common from which two captions are near-duplicates."""

LONGEST = 4
"""Most words of a phrase that counts as said twice."""

_AND = ("and", "und")
_MOST = 1000  # hypotheses or samples of a photograph
_WIDER_BEAM, _MORE_SAMPLES = 8, 4
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[^\W_{_IDEOGRAPH}]+|[{_IDEOGRAPH}]")
# What may differ without anything else being said: articles and auxiliaries, English and German.
_SMALL = frozenset(
    re.findall(
        r"\w+",
        "a an the is are be being there der die das den dem des ein eine einen einem einer eines ist sind",
    )
)


def widened(strategy: Strategy) -> Strategy:
    """The strategy with enough hypotheses or samples to choose ``strategy.count`` different ones from."""
    if isinstance(strategy, Beam) and strategy.count == 1:
        # All that the beam holds: should the best say a phrase twice, another is there.
        return Beam(strategy.size, strategy.length_penalty, strategy.size)
    if strategy.count == 1:
        return strategy
    if isinstance(strategy, Sampling):
        # The first of more samples are those that there were: each has random numbers of its own.
        return replace(strategy, count=max(strategy.count, min(_MORE_SAMPLES * strategy.count, _MOST)))
    if strategy.diversity:
        times = max(1, min(_MORE_SAMPLES, _MOST // strategy.size))
        return replace(strategy, size=times * strategy.size, count=times * strategy.count)
    size = max(strategy.size, min(_WIDER_BEAM * strategy.count, _MOST))
    return Beam(size, strategy.length_penalty, size)


def fluent_first(found: Iterable[T], text_of: Callable[[T], str]) -> list[T]:
    """What was found, in its order, but what says a phrase twice in a row comes last."""
    return sorted(found, key=lambda each: says_twice(_WORD.findall(text_of(each).lower())))


def says_twice(words: Sequence[str]) -> bool:
    """Whether a phrase of 1 to 4 words comes twice in a row, such as ``in a field in a field``.

    Or with no more than "and" between: ``a man in a cap and a cap``.
    """
    return any(
        words[start : start + length] == words[again : again + length]
        for length in range(1, LONGEST + 1)
        for start in range(len(words) - 2 * length + 1)
        for again in (start + length, start + length + 1)
        if again == start + length or words[again - 1] in _AND
    )


def distinct(found: Iterable[T], count: int, text_of: Callable[[T], str]) -> list[T]:
    """The first ``count`` of what was found that are no near-duplicates of one before, or fewer.

    Two texts are near-duplicates if, of the words that occur in them, :data:`ALIKE` or more occur
    in both (the Jaccard index). Punctuation, capitals, articles and auxiliaries do not count, and a word
    counts by its first three letters, so that "sits" and "is sitting" are the same.
    """
    kept: list[tuple[T, frozenset[str]]] = []
    for each in found:
        words = _words(text_of(each))
        if not any(_alike(words, others) for _, others in kept):
            kept.append((each, words))
        if len(kept) == count:
            break
    return [each for each, _ in kept]


def _words(text: str) -> frozenset[str]:
    words = frozenset(word[:3] for word in _WORD.findall(text.lower()) if word not in _SMALL)
    return words or frozenset((text,))


def _alike(first: frozenset[str], second: frozenset[str]) -> bool:
    return first == second or len(first & second) >= ALIKE * len(first | second)

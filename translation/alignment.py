"""Which words of sentences and their translations stand for each other, found in many pairs of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6
_LEAST = 0.05
_SLANT = 3.0

Whole = NDArray[np.int64]
Real = NDArray[np.float64]


def align(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[dict[int, int]]:
    """Which words of each pair stand for each other.

    Two of IBM's first models (Brown et al., 1993, Computational Linguistics 19(2), section 4.1), one for each
    way, say how probable it is that one word is there because of the other. Kept are links of words that are
    each other's most probable ones by the product of both, which is seldom wrong and often nothing; of words
    that always come together those are that are at the same height of their sentences (after Dyer et al.,
    2013). Memory grows with the products of the sentences' lengths: some 80 bytes for each two words.

    Args:
        pairs: Sentences in words, and their translations.

    Returns:
        For each pair, by the place of a word in the first sentence that of a word in the second.
    """
    first = _numbered([one for one, _ in pairs])
    second = _numbered([other for _, other in pairs])
    second_kinds = int(second.max(initial=0)) + 1
    first_ends = _ends([one for one, _ in pairs])
    second_ends = _ends([other for _, other in pairs])
    one, other = _every_two(first_ends, second_ends)
    kinds, kind = np.unique(first[one] * second_kinds + second[other], return_inverse=True)
    strength = _posterior(kind, kinds // second_kinds, other) * _posterior(kind, kinds % second_kinds, one)
    strength *= np.exp(-_SLANT * np.abs(_heights(first_ends)[one] - _heights(second_ends)[other]))
    best = (_best(strength, one) <= strength) & (_best(strength, other) <= strength) & (strength > _LEAST)
    links: list[dict[int, int]] = [{} for _ in pairs]
    rows = np.searchsorted(first_ends, one[best], side="right")
    starts = np.concatenate([[0], first_ends]), np.concatenate([[0], second_ends])
    places = one[best] - starts[0][rows], other[best] - starts[1][rows]
    for row, place, translated in zip(rows.tolist(), *(each.tolist() for each in places), strict=True):
        links[row][place] = translated
    return links


def _numbered(sentences: Sequence[Sequence[str]]) -> Whole:
    """All words in a row, each as the number of its kind."""
    numbers: dict[str, int] = {}
    row = [numbers.setdefault(word, len(numbers)) for sentence in sentences for word in sentence]
    return np.array(row, dtype=np.int64)


def _ends(sentences: Sequence[Sequence[str]]) -> Whole:
    """Where in the row of all words each sentence ends."""
    return np.cumsum(np.array([len(each) for each in sentences], dtype=np.int64))


def _heights(ends: Whole) -> Real:
    """Where in its sentence each word is, from 0 to 1."""
    lengths = np.diff(ends, prepend=0)
    before = np.repeat(ends - lengths, lengths)
    heights: Real = (np.arange(lengths.sum()) - before + 0.5) / np.repeat(lengths, lengths)
    return heights


def _every_two(first_ends: Whole, second_ends: Whole) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Places of each two words of a pair, those of the first sentence and those of the second."""
    limits = zip([0, *first_ends.tolist()], [0, *second_ends.tolist()], strict=True)
    ones: list[NDArray[Any]] = [np.zeros(0, np.int32)]
    others: list[NDArray[Any]] = [np.zeros(0, np.int32)]
    for (one, other), (one_end, other_end) in pairwise(limits):
        ones.append(np.repeat(np.arange(one, one_end, dtype=np.int32), other_end - other))
        others.append(np.tile(np.arange(other, other_end, dtype=np.int32), one_end - one))
    return np.concatenate(ones), np.concatenate(others)


def _posterior(kind: Whole, given: Whole, made: NDArray[np.int32]) -> Real:
    """How probable each two words are one because of the other, among those which it may be there because of.

    Args:
        kind: Which two kinds of words they are.
        given: Of each two kinds, the one that is translated.
        made: The place of the word that is there because of another.
    """
    table: Real = np.ones(len(given))
    posterior: Real = np.ones(len(kind))
    for _ in range(_ROUNDS):
        probable = table[kind]
        posterior = probable / np.maximum(np.bincount(made, probable)[made], 1e-30)
        counts = np.bincount(kind, posterior, len(given))
        table = counts / np.bincount(given, counts)[given]
    return posterior


def _best(strength: Real, places: NDArray[np.int32]) -> Real:
    """The highest strength at the place of each."""
    best = np.zeros(int(places.max(initial=0)) + 1)
    np.maximum.at(best, places, strength)
    found: Real = best[places]
    return found

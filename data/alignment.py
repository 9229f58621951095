"""Which word of a sentence each word of its translation comes from, found out from many such pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Words = Sequence[str]

_ROUNDS = 5
_NOWHERE = 0.08
"""The chance, before anything is known, that a word comes from none of the sentence's."""

_STEEPNESS = 3.0
"""How much likelier places are that lie alike within their sentences."""


def align(sources: Sequence[Words], targets: Sequence[Words]) -> list[list[int]]:
    """For each word of each target the place of the source's word it comes from, -1 for none.

    A word's translations are learned by expectation and maximisation (Model 1 of Brown et al., 1993,
    aclanthology.org/J93-2003), with places along the diagonal likelier, as in fast_align (Dyer et
    al., 2013, aclanthology.org/N13-1073). Memory: some 60 bytes for each pair of a
    source's and a target's word.

    Args:
        sources: Sentences in words, each with at least one.
        targets: Their translations, likewise.
    """
    links = _links(sources, targets)
    chances = np.full(len(links.kinds), 1.0)
    for _ in range(_ROUNDS):
        counts = np.bincount(links.kind, _shares(links, chances), len(links.kinds))
        totals = np.bincount(links.kinds, counts)
        chances = counts / totals[links.kinds]
    shares = _shares(links, chances)
    places, start = [], 0
    for source, target in zip(sources, targets, strict=True):
        end = start + len(target) * (len(source) + 1)
        best = shares[start:end].reshape(len(target), -1).argmax(1)
        places.append([int(each) - 1 for each in best])
        start = end
    return places


@dataclass(frozen=True)
class _Links:
    """All that each target word may come from: nowhere, or one of the words of its source.

    Attributes:
        target: Which target word, counted over all sentences, one number for each link.
        prior: How likely the link is by its places alone.
        kind: The number of the pair of words, one for each link.
        kinds: For each pair of words the source's, 0 for nowhere.
    """

    target: NDArray[np.int32]
    prior: NDArray[np.float32]
    kind: NDArray[np.int64]
    kinds: NDArray[np.int64]


def _links(sources: Sequence[Words], targets: Sequence[Words]) -> _Links:
    source_numbers, target_numbers = _numbers(sources), _numbers(targets)
    size = len(target_numbers)
    pairs, owners, priors, first = [], [], [], 0
    for source, target in zip(sources, targets, strict=True):
        come_from = np.array([0, *(source_numbers[word] + 1 for word in source)])
        written = np.array([target_numbers[word] for word in target])
        pairs.append((come_from * size + written[:, None]).ravel())
        owners.append(np.repeat(np.arange(first, first + len(target), dtype=np.int32), len(come_from)))
        priors.append(_prior(len(source), len(target)).ravel())
        first += len(target)
    kinds, kind = np.unique(np.concatenate(pairs), return_inverse=True)
    return _Links(np.concatenate(owners), np.concatenate(priors), kind, kinds // size)


def _numbers(sentences: Sequence[Words]) -> dict[str, int]:
    return {word: number for number, word in enumerate(dict.fromkeys(w for s in sentences for w in s))}


def _prior(source: int, target: int) -> NDArray[np.float32]:
    """(target, 1 + source): the chance of each place, that of nowhere first."""
    middle = (np.arange(target)[:, None] + 0.5) / target
    near = np.exp(-_STEEPNESS * np.abs(middle - (np.arange(source) + 0.5) / source))
    near *= (1 - _NOWHERE) / near.sum(1, keepdims=True)
    return np.concatenate([np.full((target, 1), _NOWHERE), near], 1).astype(np.float32)


def _shares(links: _Links, chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of its target word each link explains."""
    weights = chances[links.kind] * links.prior
    return np.asarray(weights / np.bincount(links.target, weights)[links.target])

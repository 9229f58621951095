"""Which phrases people used for which photographs, and how a caption agrees with those of similar ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from common.metrics import ORDERS, SIGMA, Words, caption_words

SIMILAR = 50
"""The photographs that are asked."""

TEMPERATURE = 0.08
"""Of their shares: the softmax of their cosine similarities divided by this."""

OFTEN = 3
"""Photographs that have a phrase at least, for it to be on record."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Phrases:
    """Which phrases people used for which photographs, in one language.

    A phrase is 1 to 4 words in a row. On record is its checksum alone, enough to know it again. It
    weighs as in CIDEr (Vedantam et al., 2015, arXiv:1411.5726): its rarity, divided by the length of the
    vector of a caption's phrases of as many words; but once in each caption, as CIDEr-D's clipping is for.

    Attributes:
        photographs: Those that have captions, by their row among all, ascending, integers (n,).
        lengths: Words of their captions on average, floating-point (n,).
        checksums: Of the phrases, CRC-32, uint32 (phrases,).
        rarities: log(n / photographs that have the phrase), floating-point (phrases,).
        starts: Where the phrases of each photograph begin, and an end, integers (n + 1,).
        places: Of these phrases among the checksums, integers (starts[-1],).
        weights: Of each, the mean over the photograph's captions, floating-point (starts[-1],).
    """

    photographs: Array
    lengths: Array
    checksums: Array
    rarities: Array
    starts: Array
    places: Array
    weights: Array

    @classmethod
    def of(cls, captions: Mapping[int, Sequence[str]]) -> Phrases:
        """From the captions of each photograph, at least one each."""
        rows = sorted(captions)
        words = [[caption_words(caption) for caption in captions[row]] for row in rows]
        having = Counter[int]()
        for group in words:
            having.update({phrase for caption in group for order in _counts(caption) for phrase in order})
        checksums = [phrase for phrase, count in having.items() if count >= OFTEN]
        rarities = [math.log(len(rows) / having[phrase]) for phrase in checksums]
        known = np.array(checksums, np.uint32), np.array(rarities, np.float32)
        bare = cls(np.array(rows, np.int32), np.zeros(0), *known, *[np.zeros(0)] * 3)
        means = []
        for group in words:
            mean = Counter[int]()
            for caption in group:
                for place, weight in bare.weighed(caption).items():
                    mean[place] += weight / len(group)  # type: ignore[assignment]
            means.append(mean)
        return replace(
            bare,
            lengths=np.array([sum(map(len, group)) / len(group) for group in words], np.float32),
            starts=np.cumsum([0, *map(len, means)], dtype=np.int32),
            places=np.array([place for mean in means for place in mean], np.min_scalar_type(len(checksums))),
            weights=np.array([weight for mean in means for weight in mean.values()], np.float32),
        )

    def agreement(self, similarities: Array, captions: Sequence[str]) -> Array:
        """How much each caption of a photograph agrees with those of similar ones, from 0 to 10, (captions,).

        It is their CIDEr with the length penalty of CIDEr-D.

        Args:
            similarities: Of the photograph to all on record, by their rows, (photographs,).
            captions: Of it.
        """
        similarities = similarities[self.photographs]
        nearest = np.argpartition(-similarities, min(SIMILAR, len(similarities)) - 1)[:SIMILAR]
        shares = np.exp((similarities[nearest] - similarities[nearest].max()) / TEMPERATURE)
        shares /= shares.sum()
        expected = self._expected(nearest, shares)
        length = float(shares @ self.lengths[nearest])
        found = []
        for words in map(caption_words, captions):
            weighed = self.weighed(words)
            agreeing = expected[list(weighed)] @ list(weighed.values()) if weighed else 0.0
            penalty = math.exp(-((len(words) - length) ** 2) / (2 * SIGMA**2))
            found.append(10 / len(ORDERS) * penalty * float(agreeing))
        return np.array(found)

    def _expected(self, rows: Array, shares: Array) -> Array:
        """The weight of each phrase on average over photographs with these shares, (phrases,)."""
        firsts = self.starts[rows]
        counts = self.starts[rows + 1] - firsts
        # Where the phrases of all of them are, one photograph after the other.
        at = np.arange(counts.sum()) + np.repeat(firsts - (np.cumsum(counts) - counts), counts)
        weights = np.repeat(shares, counts) * self.weights[at]
        return np.bincount(self.places[at], weights, len(self.checksums))

    def weighed(self, words: Words) -> dict[int, float]:
        """The phrases of a caption that are on record, by their places, and their weights."""
        found = {}
        # What is not on record is taken to be as rare as can be.
        rarest = math.log(len(self.photographs))
        for counts in _counts(words):
            places = {phrase: self._places.get(phrase) for phrase in counts}
            rarity = {phrase: rarest if at is None else self._rarities[at] for phrase, at in places.items()}
            norm = math.sqrt(sum((count * rarity[phrase]) ** 2 for phrase, count in counts.items()))
            for phrase, at in places.items():
                if at is not None and norm:
                    found[at] = rarity[phrase] / norm
        return found

    @cached_property
    def _places(self) -> dict[int, int]:
        return {phrase: place for place, phrase in enumerate(self.checksums.tolist())}

    @cached_property
    def _rarities(self) -> list[float]:
        return self.rarities.tolist()  # type: ignore[no-any-return]


def _counts(words: Words) -> list[Counter[int]]:
    """How often each phrase comes, by its checksum: of phrases of one word, of two and so on."""
    return [
        Counter(crc32(" ".join(words[at : at + order]).encode()) for at in range(len(words) - order + 1))
        for order in ORDERS
    ]

"""Rescoring: a small translator that was trained apart has a say in which of a beam's findings is best.

It knows one direction and one kind of text, and what it gets wrong is not what the large one does. Where it
finds nothing likely, as in text of other kinds, it has no say.

Source: means of two models' scores for what one of them has found, Sutskever et al., 2014, arXiv:1409.3215,
section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from common.result import Result, in_order
from common.search import Beam
from translation.dictionary import without_hints
from translation.network import TranslationNetwork
from translation.reading import read_translations

SHARE = 0.3
"""Of the rescorer in a translation's log-probability."""

FAMILIAR = -1.5
"""Nats a token that it must give one of the translations at least. A rescorer of captions gives most of those
that it has not seen -0.4 to -0.6, and everyday sentences, of which it has seen none, -3."""


def by_rescorer(
    rescorer: TranslationNetwork,
    sources: Sequence[str],
    results: Sequence[Result],
    direction: tuple[str, str],
    beam: Beam,
) -> list[Result]:
    """Order what a beam has found anew, by the weighted mean of both models' log-probabilities.

    Args:
        rescorer: Another translator, for the direction.
        sources: Sentences as they were read, with hints or without.
        results: Of each sentence all that the beam has found.
        direction: The languages of source and target.
        beam: How lengths count; ``beam.count`` of each are kept.
    """
    texts = [rescorer.as_read(without_hints(source), *direction) for source in sources]
    fits = [len(each) < rescorer.config.maximum_length for each in rescorer.tokenizer.encode_batch(texts)]
    every = [(row, each) for row, result in enumerate(results) if fits[row] for each in result.every()]
    readings = read_translations(
        rescorer, [texts[row] for row, _ in every], [each.text for _, each in every], direction[1]
    )
    likelihoods: list[list[tuple[float, int]]] = [[] for _ in results]
    for (row, _), reading in zip(every, readings, strict=True):
        likelihoods[row].append((float(reading.log_probabilities.sum()), len(reading.ids)))
    return [_rescored(result, found, beam) for result, found in zip(results, likelihoods, strict=True)]


def _rescored(result: Result, found: Sequence[tuple[float, int]], beam: Beam) -> Result:
    """One sentence's result; ``found`` are the rescorer's log-probabilities, and of how many tokens."""
    others = [score for score, _ in found]
    if max((score / length for score, length in found), default=FAMILIAR) <= FAMILIAR:
        others = [each.score for each in result.every()]
    ranks = [
        beam.rank((1 - SHARE) * each.score + SHARE * other, max(1, len(each.tokens)))
        for each, other in zip(result.every(), others, strict=True)
    ]
    return in_order(result.every(), ranks, beam.count)

"""The coverage penalty: translations that pass over parts of the source come later."""

from __future__ import annotations

from collections.abc import Sequence

from common.result import Result, in_order
from common.search import Beam
from translation.network import TranslationNetwork
from translation.reading import read_translations


def by_coverage(
    network: TranslationNetwork,
    sources: Sequence[str],
    results: Sequence[Result],
    target: str,
    beam: Beam,
    penalty: float,
) -> list[Result]:
    """Order what a beam has found anew; ``beam.count`` of each are kept.

    As in the beam itself, what was cut off by the length limit comes last. A hypothesis is ranked by
    log-probability / length ** length_penalty + penalty x the sum over the source's tokens of
    log(min(attention that it got in all, 1)).

    Source: Wu et al., 2016, arXiv:1609.08144, equation 14.
    """
    every = [(row, each) for row, result in enumerate(results) for each in result.every()]
    readings = read_translations(
        network, [sources[row] for row, _ in every], [each.text for _, each in every], target
    )
    ranks: list[list[float]] = [[] for _ in results]
    for (row, each), reading in zip(every, readings, strict=True):
        rank = beam.rank(each.score, max(1, len(each.tokens)))
        if reading.attention is not None:
            rank += penalty * float(reading.attention.sum(0).clamp(1e-6, 1).log().sum())
        ranks[row].append(rank)
    return [in_order(result.every(), each, beam.count) for result, each in zip(results, ranks, strict=True)]

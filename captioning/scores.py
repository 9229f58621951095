"""Scores of captions, without Java; each says how it was made.

Captions are lower-cased and stripped of punctuation as coco-caption does, but for sacreBLEU,
which takes them as they stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU

from captioning.wording import Wording, wording
from common.metrics import (
    ORDERS,
    Score,
    bleu_counts,
    bleu_of_counts,
    caption_words,
    check_pairs,
    cider_d,
    rouge_l,
    sacrebleu_score,
)
from common.significance import (
    SAMPLES,
    SEED,
    Comparison,
    compare_by_sacrebleu,
    confidence_interval,
    paired_p_value,
    resampled_sums,
)

SACREBLEU = "sacreBLEU"
"""The name of its BLEU."""

References = Sequence[Sequence[str]]
"""Of each photograph, its captions by people."""

# The other scores, in the order of `_figures`, and what their signatures say beside the references.
_NAMES = {f"BLEU-{order}": "length:closest|smooth:none" for order in ORDERS}
_NAMES |= {"CIDEr-D": "n:4|sigma:6|df:references", "ROUGE-L": "beta:1.2"}


@dataclass(frozen=True)
class CaptionScores:
    """Scores of a set of captions.

    Attributes:
        bleu: BLEU-1 to BLEU-4, from 0 to 100.
        cider_d: The mean CIDEr-D, from 0 to 10.
        rouge_l: The mean ROUGE-L, from 0 to 100.
        sacrebleu: From 0 to 100.
        photographs: The CIDEr-D of each photograph.
        wording: How the captions are worded.
        people: How those by people are.
    """

    bleu: tuple[Score, ...]
    cider_d: Score
    rouge_l: Score
    sacrebleu: Score
    photographs: tuple[float, ...]
    wording: Wording
    people: Wording

    @property
    def all(self) -> tuple[Score, ...]:
        """Every score of the set."""
        return (*self.bleu, self.cider_d, self.rouge_l, self.sacrebleu)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.all), self.wording.beside(self.people)])


def caption_scores(
    hypotheses: Sequence[str], references: References, *, samples: int = 0, language: str = "en"
) -> CaptionScores:
    """Score one caption of each photograph against those by people.

    With ``samples``, such as ``common.significance.SAMPLES``, scores have 95 % confidence
    intervals: the photographs are drawn anew so often. CIDEr-D's weights of words stay those of
    all photographs. ``language`` says which words end no caption.

    Raises:
        ValueError: There is nothing to score, lengths differ, or a photograph has no reference.
    """
    check_pairs(hypotheses, references)
    items = _statistics(hypotheses, references)
    values = _figures(items.sum(axis=0, keepdims=True), len(items))[0].tolist()
    intervals: list[tuple[float, float] | None] = [None] * len(_NAMES)
    if samples > 1:
        sampled = _figures(resampled_sums(items, samples), len(items))
        intervals = [confidence_interval(column) for column in sampled.T]
    signatures = _signatures(references, samples)
    *bleu, cider, rouge = (
        Score(name, value, signatures[name], interval)
        for name, value, interval in zip(_NAMES, values, intervals, strict=True)
    )
    people = [caption for group in references for caption in group]
    return CaptionScores(
        bleu=tuple(bleu),
        cider_d=cider,
        rouge_l=rouge,
        sacrebleu=sacrebleu_score(BLEU(force=True), SACREBLEU, hypotheses, references, samples),
        photographs=tuple(items[:, -2].tolist()),
        wording=wording(hypotheses, language),
        people=wording(people, language),
    )


def compare_captions(
    hypotheses: Sequence[str], others: Sequence[str], references: References
) -> tuple[Comparison, ...]:
    """Compare captions with another system's by the paired bootstrap, score by score.

    Raises:
        ValueError: As ``caption_scores``.
    """
    check_pairs(hypotheses, references)
    check_pairs(others, references)
    both = [_statistics(system, references) for system in (hypotheses, others)]
    count = len(hypotheses)
    values, other_values = (_figures(each.sum(axis=0, keepdims=True), count)[0].tolist() for each in both)
    samples, other_samples = (_figures(resampled_sums(each), count).T for each in both)
    signatures = _signatures(references, SAMPLES)
    found = [
        Comparison(name, value, other, paired_p_value(value - other, differences), signatures[name])
        for name, value, other, differences in zip(
            _NAMES, values, other_values, samples - other_samples, strict=True
        )
    ]
    metric = BLEU(force=True)
    return (*found, compare_by_sacrebleu(SACREBLEU, metric, hypotheses, others, references))


def _statistics(hypotheses: Sequence[str], references: References) -> NDArray[np.float64]:
    """What the scores of a set are made of, (photographs, 12): BLEU's counts, CIDEr-D and ROUGE-L of each."""
    words = [caption_words(hypothesis) for hypothesis in hypotheses]
    reference_words = [[caption_words(reference) for reference in group] for group in references]
    each = [cider_d(words, reference_words), rouge_l(words, reference_words)]
    return np.column_stack([bleu_counts(words, reference_words), *each])


def _figures(sums: NDArray[np.float64], photographs: int) -> NDArray[np.float64]:
    """The scores of sets of so many photographs, (sets, 6), of their added statistics, (sets, 12)."""
    return np.hstack([bleu_of_counts(sums[:, :-2]), sums[:, -2:] / photographs])


def _signatures(references: References, samples: int) -> dict[str, str]:
    """How the scores are made, by name."""
    counts = {len(group) for group in references}
    bootstrap = f"|bs:{samples}|seed:{SEED}" if samples > 1 else ""
    common = f"nrefs:{counts.pop() if len(counts) == 1 else 'var'}{bootstrap}|case:lower|punctuation:stripped"
    return {name: f"{common}|{settings}" for name, settings in _NAMES.items()}

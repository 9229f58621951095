"""What captions are scored with, and sacreBLEU's scores in our words; each says how it was made."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.base import Metric

ORDERS = (1, 2, 3, 4)  # lengths of n-grams in BLEU and CIDEr-D
SIGMA = 6.0  # words; width of CIDEr-D's length penalty
BETA = 1.2  # how much more recall counts than precision in ROUGE-L

# The Penn Treebank's way to cut "dog's" into "dog 's" and "don't" into "do n't".
CLITIC = r"(?:n't|'(?:s|m|d|re|ve|ll))\b"
CAPTION_WORD = re.compile(
    rf"\d+(?:[.,:]\d+)+|\w+(?:[-']\w+)*?(?={CLITIC})|{CLITIC}|\w+(?:[-']\w+)*|[#$%&*+=@]"
)

Words = Sequence[str]
Ngram = tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """One figure with its name and the signature that says how it was made.

    ``interval`` is its 95 % confidence interval, if that was asked for.
    """

    name: str
    value: float
    signature: str
    interval: tuple[float, float] | None = None

    def __str__(self) -> str:
        interval = " [{:#.4g}, {:#.4g}]".format(*self.interval) if self.interval else ""
        return f"{self.name} {self.value:#.4g}{interval} ({self.signature})"

    def as_record(self) -> dict[str, Any]:
        """For JSON, without the name."""
        interval = {"interval": self.interval} if self.interval else {}
        return {"score": self.value, "signature": self.signature, **interval}


def caption_words(text: str) -> list[str]:
    """Cut a caption into words: lower-cased, punctuation stripped.

    Follows what coco-caption's Penn Treebank tokenizer and its removal of
    punctuation do to captions, without Java: ``The dog's t-shirt.`` becomes
    ``the dog 's t-shirt``. Text that is already cut so stays as it is.
    """
    return CAPTION_WORD.findall(text.lower().replace("’", "'"))


def corpus_bleu(hypotheses: Sequence[Words], references: Sequence[Sequence[Words]]) -> tuple[float, ...]:
    """BLEU-1 to BLEU-4 over all items, from 0 to 100, without smoothing.

    Takes the words of one hypothesis and of every reference for each item; the
    reference closest in length (of two, the shorter) counts for the brevity penalty.

    Source: Papineni et al., 2002, doi:10.3115/1073083.1073135.
    """
    counts = bleu_counts(hypotheses, references)
    return tuple(bleu_of_counts(counts.sum(axis=0, keepdims=True))[0].tolist())


def bleu_counts(hypotheses: Sequence[Words], references: Sequence[Sequence[Words]]) -> NDArray[np.float64]:
    """What adds up to the BLEU of all items, for `bleu_of_counts`, (items, 10).

    The n-grams of 1 to 4 words, those of them that a reference has too, the words, and
    the words of the reference that is closest in length.
    """
    rows = []
    for hypothesis, group in zip(hypotheses, references, strict=True):
        most = Counter[Ngram]()
        for reference in group:
            most |= _ngrams(reference)
        matches = Counter[int]()
        for ngram, count in _ngrams(hypothesis).items():
            matches[len(ngram)] += min(count, most[ngram])
        length = len(hypothesis)
        closest = min((abs(len(words) - length), len(words)) for words in group)[1]
        totals = [max(0, length - order + 1) for order in ORDERS]
        rows.append([*totals, *(matches[order] for order in ORDERS), length, closest])
    return np.array(rows, dtype=np.float64)


def bleu_of_counts(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """BLEU-1 to BLEU-4 of sets of items, (sets, 4), of their added counts, (sets, 10)."""
    totals, matches, length, closest = np.split(counts, (4, 8, 9), axis=1)
    penalty = np.exp(np.minimum(0.0, 1 - closest / np.maximum(length, 1)))
    precisions = matches / np.maximum(totals, 1)
    means = np.cumprod(precisions, axis=1) ** (1 / np.array(ORDERS))
    return np.asarray(100 * penalty * means)


def cider_d(hypotheses: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[float]:
    """CIDEr-D of each item, from 0 to 10; their mean is the score of the set.

    Takes words like ``corpus_bleu``. Scores depend on the set, and a single item scores 0; see
    :class:`CiderD`.
    """
    scorer = CiderD(references)
    pairs = zip(hypotheses, references, strict=True)
    return [score for hypothesis, group in pairs for score in scorer.scores([hypothesis], group)]


class CiderD:
    """CIDEr-D with given document frequencies.

    An n-gram weighs its count times log(items / items whose references hold it).

    Source: Vedantam et al., 2015, arXiv:1411.5726, section 5, with coco-caption's factor of 10.
    """

    def __init__(self, references: Sequence[Sequence[Words]]) -> None:
        """Count in how many items of ``references`` each n-gram is."""
        self.items = len(references)
        self.holding = Counter(
            ngram for group in references for ngram in set[Ngram]().union(*map(_ngrams, group))
        )

    def scores(self, hypotheses: Sequence[Words], references: Sequence[Words]) -> list[float]:
        """Of several hypotheses for one item, from 0 to 10."""
        weights = [self._weights(reference) for reference in references]
        scores = []
        for hypothesis in hypotheses:
            found = self._weights(hypothesis)
            total = 0.0
            for reference, wanted in zip(references, weights, strict=True):
                penalty = math.exp(-((len(hypothesis) - len(reference)) ** 2) / (2 * SIGMA**2))
                total += penalty * _clipped_cosine(found, wanted)
            scores.append(10 * total / len(references))
        return scores

    def _weights(self, words: Words) -> dict[Ngram, float]:
        counts = _ngrams(words)
        return {ngram: n * math.log(self.items / max(1, self.holding[ngram])) for ngram, n in counts.items()}


def rouge_l(hypotheses: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[float]:
    """ROUGE-L of each item, from 0 to 100; their mean is the score of the set.

    Takes words like ``corpus_bleu``. The longest common subsequence with a reference gives
    precision and recall; as in coco-caption, the best of each counts, of whichever reference.

    Source: Lin, 2004, aclanthology.org/W04-1013, section 3, with coco-caption's beta of 1.2.
    """
    scores = []
    for hypothesis, group in zip(hypotheses, references, strict=True):
        common = [_common_subsequence(hypothesis, words) for words in group]
        precision = max(common) / max(1, len(hypothesis))
        recall = max(length / max(1, len(words)) for length, words in zip(common, group, strict=True))
        weighed = recall + BETA**2 * precision
        scores.append(100 * (1 + BETA**2) * precision * recall / weighed if weighed else 0.0)
    return scores


def _common_subsequence(first: Words, second: Words) -> int:
    """The length of the longest common subsequence."""
    lengths = [0] * (len(second) + 1)  # with the beginnings of ``second``, for ever more of ``first``
    for word in first:
        before = 0
        for place, other in enumerate(second, start=1):
            above = lengths[place]
            lengths[place] = before + 1 if word == other else max(above, lengths[place - 1])
            before = above
    return lengths[-1]


def _clipped_cosine(hypothesis: dict[Ngram, float], reference: dict[Ngram, float]) -> float:
    """Mean over the n-gram lengths of the cosine, in which no hypothesis weight exceeds the reference's."""
    products, hypothesis_squares, reference_squares = ([0.0] * len(ORDERS) for _ in range(3))
    for ngram, weight in hypothesis.items():
        other = reference.get(ngram, 0.0)
        products[len(ngram) - 1] += min(weight, other) * other
        hypothesis_squares[len(ngram) - 1] += weight**2
    for ngram, weight in reference.items():
        reference_squares[len(ngram) - 1] += weight**2
    norms = (math.sqrt(a * b) for a, b in zip(hypothesis_squares, reference_squares, strict=True))
    return sum(a / norm for a, norm in zip(products, norms, strict=True) if norm) / len(ORDERS)


def _ngrams(words: Words) -> Counter[Ngram]:
    """How often each n-gram of 1 to 4 words occurs."""
    return Counter(
        tuple(words[start : start + order]) for order in ORDERS for start in range(len(words) - order + 1)
    )


def sacrebleu_score(
    metric: Metric,
    name: str,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    samples: int = 0,
) -> Score:
    """Corpus score by sacreBLEU, with an interval if it may draw the sentences anew ``samples`` times."""
    score = metric.corpus_score(hypotheses, reference_streams(references), n_bootstrap=samples)
    # sacreBLEU tells the interval in print only, and in NumPy's numbers.
    mean, margin = float(score._mean), float(score._ci)
    interval = (mean - margin, mean + margin) if samples > 1 else None
    return Score(name, score.score, str(metric.get_signature()), interval)


def reference_streams(references: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """What sacreBLEU wants: one stream for each place in the lists of references, None where one is short."""
    return list(zip_longest(*references))


def check_pairs(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Raise ValueError unless each hypothesis has its list of at least one reference."""
    if len(hypotheses) != len(references):
        raise ValueError(f"each hypothesis needs references, got {len(hypotheses)} and {len(references)}")
    if not hypotheses:
        raise ValueError("hypotheses must not be empty")
    for number, group in enumerate(references, start=1):
        if isinstance(group, str):
            raise ValueError(f"references must hold a list for each item, got a string at item {number}")
        if not group:
            raise ValueError(f"each item must have a reference, got none at item {number}")

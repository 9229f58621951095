"""Scores of captions and text, and sacreBLEU's in our words; each says how it was made."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU

ORDERS = (1, 2, 3, 4)  # lengths of n-grams in BLEU and CIDEr-D
SIGMA = 6.0  # words; width of CIDEr-D's length penalty

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


@dataclass(frozen=True)
class CaptionScores:
    """Scores of a set of captions.

    ``bleu`` holds BLEU-1 to BLEU-4 and ``sacrebleu`` goes from 0 to 100,
    ``cider_d`` from 0 to 10. ``distinct_captions`` and ``distinct_words``
    count different results among the ``captions``, after ``caption_words``.
    """

    bleu: tuple[Score, ...]
    cider_d: Score
    sacrebleu: Score
    captions: int
    distinct_captions: int
    distinct_words: int

    def __str__(self) -> str:
        captions = f"{self.distinct_captions} distinct captions of {self.captions}"
        diversity = f"{captions}, {self.distinct_words} distinct words"
        return "\n".join(map(str, [*self.bleu, self.cider_d, self.sacrebleu, diversity]))


@dataclass(frozen=True)
class TextScore:
    """How well a language model predicts a text.

    ``nats`` is the summed negative natural log-probability of all ``tokens``;
    ``characters`` counts the code points that they stand for.
    """

    nats: float
    tokens: int
    characters: int

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.characters < 1:
            raise ValueError(f"tokens and characters must be positive, got {self.tokens}, {self.characters}")

    @property
    def nats_per_character(self) -> float:
        """Comparable between tokenizers, unlike perplexity."""
        return self.nats / self.characters

    @property
    def bits_per_character(self) -> float:
        """Nats per character divided by ln 2."""
        return self.nats_per_character / math.log(2)

    @property
    def perplexity(self) -> float:
        """Exponential of the nats per token."""
        return math.exp(self.nats / self.tokens)

    def __str__(self) -> str:
        character = f"{self.nats_per_character:.4f} nats, {self.bits_per_character:.4f} bits a character"
        return f"{character}; perplexity {self.perplexity:.2f} a token"


def caption_scores(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """Score captions as coco-caption does, and with sacreBLEU as they stand.

    ``references`` holds, for each picture, the list of its captions by people.
    Raises ValueError if there is nothing to score, lengths differ, or a list is empty.
    """
    check_pairs(hypotheses, references)
    words = [caption_words(hypothesis) for hypothesis in hypotheses]
    reference_words = [[caption_words(reference) for reference in group] for group in references]
    counts = {len(group) for group in references}
    signature = f"nrefs:{counts.pop() if len(counts) == 1 else 'var'}|case:lower|punctuation:stripped"
    bleu = corpus_bleu(words, reference_words)
    cider = cider_d(words, reference_words)
    return CaptionScores(
        bleu=tuple(
            Score(f"BLEU-{order}", value, f"{signature}|length:closest|smooth:none")
            for order, value in zip(ORDERS, bleu, strict=True)
        ),
        cider_d=Score("CIDEr-D", sum(cider) / len(cider), f"{signature}|n:4|sigma:6|df:references"),
        sacrebleu=sacrebleu_score(BLEU(force=True), "sacreBLEU", hypotheses, references),
        captions=len(words),
        distinct_captions=len(set(map(tuple, words))),
        distinct_words=len({word for caption in words for word in caption}),
    )


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
    matches, totals = Counter[int](), Counter[int]()
    length = closest_length = 0
    for hypothesis, group in zip(hypotheses, references, strict=True):
        most = Counter[Ngram]()
        for reference in group:
            most |= _ngrams(reference)
        for ngram, count in _ngrams(hypothesis).items():
            totals[len(ngram)] += count
            matches[len(ngram)] += min(count, most[ngram])
        length += len(hypothesis)
        closest_length += min((abs(len(words) - len(hypothesis)), len(words)) for words in group)[1]
    if not length:
        return (0.0,) * len(ORDERS)
    penalty = min(1.0, math.exp(1 - closest_length / length))
    precisions = [matches[order] / totals[order] if totals[order] else 0.0 for order in ORDERS]
    return tuple(100 * penalty * math.prod(precisions[:order]) ** (1 / order) for order in ORDERS)


def cider_d(hypotheses: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[float]:
    """CIDEr-D of each item, from 0 to 10; their mean is the score of the set.

    Takes words like ``corpus_bleu``. An n-gram weighs its count times log(items
    / items whose references hold it): scores depend on the set, and a single item scores 0.

    Source: Vedantam et al., 2015, arXiv:1411.5726, section 5, with coco-caption's factor of 10.
    """
    counted = [[_ngrams(reference) for reference in group] for group in references]
    holding = Counter(ngram for group in counted for ngram in set[Ngram]().union(*group))

    def weighed(counts: Counter[Ngram]) -> dict[Ngram, float]:
        return {ngram: tf * math.log(len(counted) / max(1, holding[ngram])) for ngram, tf in counts.items()}

    scores = []
    for hypothesis, group, group_counts in zip(hypotheses, references, counted, strict=True):
        weights = weighed(_ngrams(hypothesis))
        total = 0.0
        for reference, counts in zip(group, group_counts, strict=True):
            penalty = math.exp(-((len(hypothesis) - len(reference)) ** 2) / (2 * SIGMA**2))
            total += penalty * _clipped_cosine(weights, weighed(counts))
        scores.append(10 * total / len(group))
    return scores


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

"""Scores of translations, by sacreBLEU; each says how it was made.

References: Post, 2018, arXiv:1804.08771 (BLEU and signatures); Popović, 2017,
doi:10.18653/v1/W17-4770 (chrF++); Snover et al., 2006 (TER).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from common.metrics import Score, check_pairs, sacrebleu_score
from common.significance import Comparison, compare_by_sacrebleu

MOSES = "Moses BLEU"
"""The name of the BLEU of ``moses_bleu``."""
LONGEST = (5, 10, 15, 20, 25, 30, 40, 50)
"""Most words of a source in each band of lengths; a last band takes the rest."""

References = Sequence[Sequence[str]]
"""For each sentence the list of its references, often of one."""


@dataclass(frozen=True)
class TranslationScores:
    """Scores of a set of translations, from 0 to 100; of TER, less is better and it may exceed 100.

    ``moses`` is the BLEU of ``moses_bleu``, if it was asked for.
    """

    bleu: Score
    chrf: Score
    ter: Score
    moses: Score | None = None

    @property
    def all(self) -> tuple[Score, ...]:
        """Those that there are."""
        return tuple(score for score in (self.bleu, self.chrf, self.ter, self.moses) if score)

    def __str__(self) -> str:
        return "\n".join(map(str, self.all))


@dataclass(frozen=True)
class LengthBand:
    """The score of the sentences of similar length, ``label`` being their words, such as ``"6-10"``."""

    label: str
    sentences: int
    bleu: float


def translation_scores(
    hypotheses: Sequence[str], references: References, *, samples: int = 0, moses: str | None = None
) -> TranslationScores:
    """Score detokenised translations as they are: BLEU (cased, 13a), chrF2++ and TER.

    With ``samples``, such as ``common.significance.SAMPLES``, scores have 95 % confidence
    intervals. ``moses``, a language, adds ``moses_bleu``.

    Raises:
        ValueError: There is nothing to score, lengths differ, or a sentence has no reference.
    """
    check_pairs(hypotheses, references)
    figures = {
        name: sacrebleu_score(metric, name, hypotheses, references, samples)
        for name, metric in _metrics().items()
    }
    return TranslationScores(
        bleu=figures["BLEU"],
        chrf=figures["chrF2++"],
        ter=figures["TER"],
        moses=moses_bleu(hypotheses, references, moses, samples) if moses else None,
    )


def bleu(hypotheses: Sequence[str], references: References) -> Score:
    """The BLEU of ``translation_scores`` alone, which is far quicker."""
    check_pairs(hypotheses, references)
    return sacrebleu_score(_metrics()["BLEU"], "BLEU", hypotheses, references)


def moses_bleu(hypotheses: Sequence[str], references: References, language: str, samples: int = 0) -> Score:
    """BLEU as the papers on Multi30k score: of both sides lower-cased and cut into words as Moses does.

    Raises ValueError as ``translation_scores``.
    """
    check_pairs(hypotheses, references)
    words, reference_words = _moses_words(hypotheses, references, language)
    score = sacrebleu_score(_moses_metric(), MOSES, words, reference_words, samples)
    return Score(MOSES, score.value, _moses_signature(score.signature, language), score.interval)


def moses_preparation(language: str) -> Callable[[str], str]:
    """What lower-cases a sentence, normalises its punctuation and puts spaces between its words.

    On Multi30k it makes the official ``*.lc.norm.tok.*`` files out of the raw ones, but for
    three of 8,056 lines. A language that Moses does not know is treated by its general rules.
    """
    from sacremoses import MosesPunctNormalizer, MosesTokenizer

    normalizer, tokenizer = MosesPunctNormalizer(language), MosesTokenizer(language)

    def prepare(sentence: str) -> str:
        words: str = tokenizer.tokenize(normalizer.normalize(sentence.lower()), escape=True, return_str=True)
        return words

    return prepare


def compare(
    hypotheses: Sequence[str], others: Sequence[str], references: References, *, moses: str | None = None
) -> tuple[Comparison, ...]:
    """Compare translations with another system's by the paired bootstrap, score by score.

    The seed is sacreBLEU's and always the same, unless SACREBLEU_SEED is set; the signature names it.

    Raises:
        ValueError: As ``translation_scores``.
    """
    check_pairs(hypotheses, references)
    check_pairs(others, references)
    found = [
        compare_by_sacrebleu(name, metric, hypotheses, others, references, lower_is_better=name == "TER")
        for name, metric in _metrics().items()
    ]
    if moses:
        words, reference_words = _moses_words(hypotheses, references, moses)
        other_words, _ = _moses_words(others, [], moses)
        one = compare_by_sacrebleu(MOSES, _moses_metric(), words, other_words, reference_words)
        signature = _moses_signature(one.signature, moses)
        found.append(Comparison(one.name, one.value, one.other, one.p_value, signature))
    return tuple(found)


def sentence_chrf(hypotheses: Sequence[str], references: References) -> list[float]:
    """chrF2++ of each sentence, which, unlike BLEU, tells single sentences apart."""
    metric = CHRF(word_order=2)
    return [
        metric.sentence_score(hypothesis, group).score
        for hypothesis, group in zip(hypotheses, references, strict=True)
    ]


def bleu_by_length(
    hypotheses: Sequence[str], references: References, sources: Sequence[str]
) -> tuple[LengthBand, ...]:
    """The BLEU of the sentences of each length, by words of the source; lengths without any are left out."""
    bands: dict[int, list[int]] = {}
    for place, source in enumerate(sources):
        words = len(source.split())
        bands.setdefault(sum(words > most for most in LONGEST), []).append(place)
    found = []
    for band, places in sorted(bands.items()):
        first = LONGEST[band - 1] + 1 if band else 0
        label = f"{first}-{LONGEST[band]}" if band < len(LONGEST) else f"{first}+"
        score = bleu([hypotheses[place] for place in places], [references[place] for place in places])
        found.append(LengthBand(label, len(places), score.value))
    return tuple(found)


def _metrics() -> dict[str, Metric]:
    """New ones: a metric remembers the references of its last use for its signature."""
    return {"BLEU": BLEU(force=True), "chrF2++": CHRF(word_order=2), "TER": TER()}


def _moses_metric() -> Metric:
    return BLEU(lowercase=True, tokenize="none", force=True)


def _moses_signature(signature: str, language: str) -> str:
    return f"{signature}|sacremoses:{language}-{version('sacremoses')}"


def _moses_words(
    hypotheses: Sequence[str], references: References, language: str
) -> tuple[list[str], list[list[str]]]:
    prepare = moses_preparation(language)
    return list(map(prepare, hypotheses)), [list(map(prepare, group)) for group in references]

"""A page about an evaluation of translations: scores, and the worst and the best sentences."""

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from html import escape

from common.report import (
    FEW,
    Bar,
    Page,
    chart,
    item_card,
    score_cards,
    summary,
    text_rows,
    worst_and_best_cards,
)
from translation.evaluation import Evaluation
from translation.scores import bleu_by_length, sentence_chrf

_PIECE = re.compile(r"\s+|\w+|[^\w\s]")
# Comparing two texts word by word takes time quadratic in their lengths.
_LONGEST = 2000
_NOTE = (
    'Sentences by their chrF2++. Beside the closest reference: <mark class="extra">only in the '
    'translation</mark>, <mark class="missing">only in the reference</mark>.'
)


def report(evaluation: Evaluation, explanations: Mapping[int, str] | None = None) -> str:
    """The page of an evaluation, as HTML.

    Everything in the evaluation is escaped. ``explanations`` are not: ready pieces of HTML,
    such as pictures of the attention, by the number of the sentence from 0, unfolded on demand.
    """
    sentences = sentence_chrf(evaluation.hypotheses, evaluation.references)
    languages = [str(evaluation.made[name]) for name in ("from", "to") if name in evaluation.made]
    page = Page(
        title=f"Translation from {' to '.join(languages)}" if len(languages) == 2 else "Translation",
        summary=summary(len(sentences), "sentences", evaluation.references),
        scores=score_cards(evaluation.scores.all, lower_is_better=["TER"]),
        made=evaluation.made,
        comparisons=evaluation.comparisons,
        charts=_length_chart(evaluation) + _histogram(sentences),
        note=_NOTE,
        items=worst_and_best_cards(
            sentences, lambda place: _sentence(evaluation, place, sentences[place], explanations or {})
        ),
        things="sentences",
    )
    return str(page)


def differences(hypothesis: str, reference: str) -> tuple[str, str]:
    """Both texts as HTML, in which the words of one that the other lacks are marked."""
    ours, theirs = _PIECE.findall(hypothesis), _PIECE.findall(reference)
    if max(len(ours), len(theirs)) > _LONGEST:
        return escape(hypothesis), escape(reference)
    marked: tuple[list[str], list[str]] = ([], [])
    for kind, first, last, other_first, other_last in SequenceMatcher(
        None, ours, theirs, autojunk=False
    ).get_opcodes():
        pieces = ("".join(ours[first:last]), "".join(theirs[other_first:other_last]))
        for side, piece, name in zip(marked, pieces, ("extra", "missing"), strict=True):
            is_same = kind == "equal" or not piece.strip()
            side.append(escape(piece) if is_same else f'<mark class="{name}">{escape(piece)}</mark>')
    return "".join(marked[0]), "".join(marked[1])


def _length_chart(evaluation: Evaluation) -> str:
    sources = evaluation.sources or [group[0] for group in evaluation.references]
    bands = bleu_by_length(evaluation.hypotheses, evaluation.references, sources)
    bars = [
        Bar(
            band.bleu,
            f"{band.bleu:.1f}",
            band.label,
            f"{band.label} words: BLEU {band.bleu:.2f} of {band.sentences:,} sentences",
            below=f"{band.sentences:,}",
            pale=band.sentences < FEW,
        )
        for band in bands
    ]
    title = f"BLEU by words of the {'source' if evaluation.sources else 'reference'}"
    return chart(title, bars, f"below: how many sentences; pale if under {FEW}")


def _histogram(sentences: Sequence[float]) -> str:
    counts = [0] * 10
    for score in sentences:
        counts[min(9, int(score / 10))] += 1
    bars = [
        Bar(count, f"{count:,}", f"{10 * tenth}", f"chrF2++ {10 * tenth} to {10 * tenth + 10}: {count:,}")
        for tenth, count in enumerate(counts)
    ]
    return chart("Sentences by chrF2++", bars, "from 0-10 to 90-100")


def _sentence(evaluation: Evaluation, place: int, score: float, explanations: Mapping[int, str]) -> str:
    hypothesis, group = evaluation.hypotheses[place], evaluation.references[place]
    closest = max(range(len(group)), key=lambda number: sentence_chrf([hypothesis], [[group[number]]]))
    marked, reference = differences(hypothesis, group[closest])
    references = [reference if number == closest else escape(text) for number, text in enumerate(group)]
    texts = [("Source", escape(evaluation.sources[place]))] if evaluation.sources else []
    texts.append(("Translation", marked))
    texts += [("Reference", text) for text in references]
    if evaluation.others:
        texts.append(("Other", escape(evaluation.others[place])))
    more = ""
    if place in explanations:
        more = f"<details><summary>Attention</summary><div>{explanations[place]}</div></details>"
    return item_card(f"{score:.1f}", score / 100, f"line {place + 1:,}", text_rows(texts) + more)

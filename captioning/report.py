"""A page about an evaluation of captions: scores, and the worst and the best photographs."""

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from captioning.evaluation import Evaluation
from captioning.gallery import thumbnail
from captioning.photographs import read_photograph
from captioning.wording import Wording
from common.errors import InputError
from common.metrics import caption_words
from common.report import (
    FEW,
    Bar,
    Page,
    chart,
    figure_card,
    item_card,
    score_cards,
    summary,
    text_rows,
    worst_and_best_cards,
)

LONGEST = (6, 8, 10, 12, 14, 17, 20)
"""Most words of a caption in each band of lengths; a last band takes the rest."""

_STEP, _STEPS = 0.25, 10  # the bands of CIDEr-D: hardly a photograph reaches the last
_THUMBNAIL = 240  # pixels
_WORD = re.compile(r"\S+")
_NOTE = (
    'Photographs by their CIDEr-D. In a caption, <mark class="extra">words that nobody used of this '
    "photograph</mark>."
)


def report(evaluation: Evaluation) -> str:
    """The page of an evaluation, as HTML; it holds small pictures of the photographs that it shows.

    Everything in the evaluation is escaped. A photograph that cannot be read is left blank.
    """
    scores = evaluation.scores
    highest = max(scores.photographs) or 1.0
    page = Page(
        title="Captions",
        summary=summary(len(evaluation.captions), "photographs", evaluation.references),
        scores=score_cards(scores.all) + _wording_cards(scores.wording, scores.people),
        made=evaluation.made,
        comparisons=evaluation.comparisons,
        charts=_length_chart(evaluation) + _histogram(scores.photographs),
        note=_NOTE,
        items=worst_and_best_cards(scores.photographs, lambda place: _photograph(evaluation, place, highest)),
        things="photographs",
        style=Path(__file__).with_name("report.css").read_text(encoding="utf-8"),
    )
    return str(page)


def _wording_cards(wording: Wording, people: Wording) -> str:
    distinct = f"of {wording.captions:,}; they use {wording.distinct_words:,} different words"
    cards = [
        figure_card("Different captions", f"{wording.distinct_captions:,}", distinct),
        figure_card("Words on average", f"{wording.mean_words:.1f}", f"people: {people.mean_words:.1f}"),
        figure_card(
            "Say a phrase twice", f"{wording.looping:.1%}", f"in a row; people: {people.looping:.1%}"
        ),
    ]
    if wording.unfinished is not None:
        theirs = f"on an article, a preposition or a conjunction; people: {people.unfinished:.1%}"
        cards.append(figure_card("End unfinished", f"{wording.unfinished:.1%}", theirs))
    return "".join(cards)


def _length_chart(evaluation: Evaluation) -> str:
    bands: dict[int, list[float]] = {}
    for caption, score in zip(evaluation.captions, evaluation.scores.photographs, strict=True):
        words = len(caption_words(caption))
        bands.setdefault(sum(words > most for most in LONGEST), []).append(score)
    bars = []
    for band, scores in sorted(bands.items()):
        first = LONGEST[band - 1] + 1 if band else 0
        label = f"{first}-{LONGEST[band]}" if band < len(LONGEST) else f"{first}+"
        mean, count = sum(scores) / len(scores), len(scores)
        hint = f"{label} words: CIDEr-D {mean:.3f} of {count:,} photographs"
        bars.append(Bar(mean, f"{mean:.2f}", label, hint, below=f"{count:,}", pale=count < FEW))
    return chart("CIDEr-D by words of the caption", bars, f"below: how many photographs; pale if under {FEW}")


def _histogram(photographs: Sequence[float]) -> str:
    counts = [0] * _STEPS
    for score in photographs:
        counts[min(_STEPS - 1, int(score / _STEP))] += 1
    starts = [_STEP * number for number in range(_STEPS)]
    bars = [
        Bar(count, f"{count:,}", f"{start:g}".lstrip("0") or "0", f"CIDEr-D from {start:g}: {count:,}")
        for start, count in zip(starts, counts, strict=True)
    ]
    return chart("Photographs by CIDEr-D", bars, f"in steps of {_STEP:g}; the last bar takes all above")


def _photograph(evaluation: Evaluation, place: int, highest: float) -> str:
    path, caption = evaluation.photographs[place], evaluation.captions[place]
    group, score = evaluation.references[place], evaluation.scores.photographs[place]
    texts = [("Caption", f"<b>{unused_words_marked(caption, group)}</b>")]
    if evaluation.others:
        texts.append(("Other", unused_words_marked(evaluation.others[place], group)))
    texts += [("Reference", escape(text)) for text in group]
    body = f'<div class="seen">{_picture(path, caption)}{text_rows(texts)}</div>'
    return item_card(f"{score:.2f}", score / highest, path.name, body)


def unused_words_marked(caption: str, references: Sequence[str]) -> str:
    """A caption as HTML in which the words that no reference has are marked."""
    used = {word for reference in references for word in caption_words(reference)}

    def marked(match: re.Match[str]) -> str:
        text = escape(match[0])
        return text if used.issuperset(caption_words(match[0])) else f'<mark class="extra">{text}</mark>'

    return _WORD.sub(marked, caption)


def _picture(path: Path, caption: str) -> str:
    try:
        data = b64encode(thumbnail(read_photograph(path, _THUMBNAIL))).decode()
    except InputError:
        return '<div class="unseen">no picture</div>'
    return (
        f'<img alt="{escape(caption)}" loading="lazy" decoding="async" src="data:image/webp;base64,{data}">'
    )

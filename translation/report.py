"""A page about an evaluation: one HTML file that needs nothing else, neither network nor server."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape
from pathlib import Path
from string import Template

from translation.evaluation import Evaluation
from translation.scores import bleu_by_length, sentence_chrf

SHOWN = 50
"""Most sentences among the worst, and among the best."""

_TEMPLATE = Path(__file__).with_name("report.html")
_PIECE = re.compile(r"\s+|\w+|[^\w\s]")
# Comparing two texts word by word takes time quadratic in their lengths.
_LONGEST = 2000
# So few sentences have hardly a BLEU.
_FEW = 30
# The measures of a chart, in the units of its own picture: narrow enough to be read on a phone.
_WIDTH, _HEIGHT, _TOP, _BOTTOM = 420, 220, 24, 42


@dataclass(frozen=True)
class Bar:
    """One bar of a chart: its height, what stands on it and below it, and the hint when one points at it.

    A ``pale`` one rests on too little to be relied on.
    """

    height: float
    above: str
    label: str
    hint: str
    below: str = ""
    pale: bool = False


def report(evaluation: Evaluation, explanations: Mapping[int, str] | None = None) -> str:
    """The page of an evaluation, as HTML.

    Everything in the evaluation is escaped. ``explanations`` are not: ready pieces of HTML,
    such as pictures of the attention, by the number of the sentence from 0, unfolded on demand.
    """
    sentences = sentence_chrf(evaluation.hypotheses, evaluation.references)
    worst, best = worst_and_best(sentences)
    cards = [
        f"<h2>The {len(places)} {name}</h2>"
        + "".join(_sentence(evaluation, place, sentences[place], explanations or {}) for place in places)
        for name, places in (("worst", worst), ("best", best))
        if places
    ]
    languages = [str(evaluation.made[name]) for name in ("from", "to") if name in evaluation.made]
    title = f"Translation from {' to '.join(languages)}" if len(languages) == 2 else "Translation"
    count = len(sentences)
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        summary=f"{count:,} sentence{'s' * (count != 1)}, measured against {_references(evaluation)}",
        scores=_scores(evaluation),
        made="".join(
            f"<dt>{escape(name)}</dt><dd>{escape(_shown(value))}</dd>"
            for name, value in evaluation.made.items()
        ),
        comparison=_comparison(evaluation),
        charts=_length_chart(evaluation) + _histogram(sentences),
        sentences="\n".join(cards),
    )


def worst_and_best(sentences: Sequence[float]) -> tuple[list[int], list[int]]:
    """The numbers of the sentences that a report shows, the worst first and the best first; none is both."""
    order = sorted(range(len(sentences)), key=lambda place: sentences[place])
    worst = order[: min(SHOWN, (len(order) + 1) // 2)]
    return worst, order[len(worst) :][-SHOWN:][::-1]


def bar_chart(bars: Sequence[Bar], title: str) -> str:
    """A bar chart as inline SVG; the highest bar fills its height."""
    highest = max((bar.height for bar in bars), default=0) or 1
    step, floor = _WIDTH / max(1, len(bars)), _HEIGHT - _BOTTOM
    parts = [f'<line x1="0" y1="{floor}" x2="{_WIDTH}" y2="{floor}"/>']
    for number, bar in enumerate(bars):
        height = (floor - _TOP) * bar.height / highest
        middle = step * (number + 0.5)
        width, name = min(0.74 * step, 48), "few" if bar.pale else "many"
        parts.append(
            f'<g class="{name}"><title>{escape(bar.hint)}</title>'
            f'<rect x="{middle - width / 2:.1f}" y="{floor - height:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" rx="2"/>'
            f'<text x="{middle:.1f}" y="{floor - height - 6:.1f}">{escape(bar.above)}</text>'
            f'<text x="{middle:.1f}" y="{floor + 17}">{escape(bar.label)}</text>'
            f'<text class="soft" x="{middle:.1f}" y="{floor + 34}">{escape(bar.below)}</text></g>'
        )
    label = escape(title)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


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


def _scores(evaluation: Evaluation) -> str:
    cards = []
    for score in evaluation.scores.all:
        interval = "{:.2f} to {:.2f} (95 %)".format(*score.interval) if score.interval else ""
        lower = " (lower is better)" if score.name == "TER" else ""
        cards.append(
            f'<div class="card"><h3>{escape(score.name)}{lower}</h3>'
            f'<div class="figure">{score.value:.2f}</div><div class="interval">{interval}</div>'
            f"<code>{_signature(score.signature)}</code></div>"
        )
    return "".join(cards)


def _signature(text: str) -> str:
    """A signature that breaks between its parts where the line is short."""
    return escape(text).replace("|", "|<wbr>")


def _comparison(evaluation: Evaluation) -> str:
    if not evaluation.comparisons:
        return ""
    rows = "".join(
        f"<tr><td>{escape(each.name)}</td><td>{each.value:.2f}</td><td>{each.other:.2f}</td>"
        f"<td>{each.value - each.other:+.2f}</td><td>{each.p_value:.4f}</td>"
        f'<td class="{each.verdict.split()[0]}">{each.verdict}</td></tr>'
        for each in evaluation.comparisons
    )
    names = "".join(f"<th>{name}</th>" for name in ("Score", "This", "Other", "Difference", "p", ""))
    signatures = "<br>".join(
        f"{escape(each.name)}: {_signature(each.signature)}" for each in evaluation.comparisons
    )
    return (
        '<h2>Against the other system</h2><section class="card"><div class="scroll"><table>'
        f"<tr>{names}</tr>{rows}</table></div><code>Paired bootstrap<br>{signatures}</code></section>"
    )


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
            pale=band.sentences < _FEW,
        )
        for band in bands
    ]
    title = f"BLEU by words of the {'source' if evaluation.sources else 'reference'}"
    return _chart(title, bars, f"below: how many sentences; pale if under {_FEW}")


def _histogram(sentences: Sequence[float]) -> str:
    counts = [0] * 10
    for score in sentences:
        counts[min(9, int(score / 10))] += 1
    bars = [
        Bar(count, f"{count:,}", f"{10 * tenth}", f"chrF2++ {10 * tenth} to {10 * tenth + 10}: {count:,}")
        for tenth, count in enumerate(counts)
    ]
    return _chart("Sentences by chrF2++", bars, "from 0-10 to 90-100")


def _chart(title: str, bars: Sequence[Bar], note: str) -> str:
    return f'<div class="card"><h2>{title}</h2>{bar_chart(bars, title)}<div class="soft">{note}</div></div>'


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
    rows = "".join(f'<dt>{name}</dt><dd dir="auto">{text or "&nbsp;"}</dd>' for name, text in texts)
    more = ""
    if place in explanations:
        more = f"<details><summary>Attention</summary><div>{explanations[place]}</div></details>"
    return (
        f'<article class="card sentence"><header><b>{score:.1f}</b><span class="meter">'
        f'<i style="width:{score:.0f}%"></i></span><span>line {place + 1:,}</span></header>'
        f'<dl class="texts">{rows}</dl>{more}</article>'
    )


def _references(evaluation: Evaluation) -> str:
    counts = {len(group) for group in evaluation.references}
    if counts == {1}:
        return "one reference each"
    return (
        f"{min(counts)} to {max(counts)} references each"
        if len(counts) > 1
        else f"{counts.pop()} references each"
    )


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

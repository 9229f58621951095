"""Pages about evaluations: one HTML file each that needs nothing else, neither network nor server."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from common.metrics import Score
from common.significance import Comparison

SHOWN = 50
"""Most items among the worst, and among the best."""
FEW = 30
"""A bar that rests on fewer items is pale."""

_TEMPLATE = Path(__file__).with_name("report.html")
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


@dataclass(frozen=True)
class Page:
    """What a page consists of. Pieces of HTML are put in as they are, texts are escaped.

    Attributes:
        title: Text.
        summary: Text: how many items there are and what they were measured against.
        scores: HTML, such as of `score_card`.
        made: What was measured and how, by name; texts or lists of them.
        comparisons: With another system.
        charts: HTML, of `chart`.
        note: HTML that explains the items.
        items: HTML, of `worst_and_best_cards`.
        things: What the items are, such as ``"sentences"``.
        style: CSS of the items beside what they all share.
    """

    title: str
    summary: str
    scores: str
    made: Mapping[str, Any]
    comparisons: Sequence[Comparison]
    charts: str
    note: str
    items: str
    things: str
    style: str = ""

    def __str__(self) -> str:
        made = "".join(
            f"<dt>{escape(name)}</dt><dd>{escape(_shown(value))}</dd>" for name, value in self.made.items()
        )
        return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
            vars(self)
            | {"title": escape(self.title), "summary": escape(self.summary), "made": made}
            | {"comparison": _comparison_table(self.comparisons)}
        )


def summary(count: int, things: str, references: Sequence[Sequence[str]]) -> str:
    """How many of the ``things``, a plural with "s", were measured against how many references each."""
    counts = sorted({len(group) for group in references})
    each = "one" if counts == [1] else " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    plural = "" if counts == [1] else "s"
    things = things if count != 1 else things.removesuffix("s")
    return f"{count:,} {things}, measured against {each} reference{plural} each"


def score_cards(scores: Iterable[Score], lower_is_better: Sequence[str] = ()) -> str:
    """A card for each score, with its interval and its signature."""
    return "".join(
        figure_card(
            f"{score.name} (lower is better)" if score.name in lower_is_better else score.name,
            f"{score.value:#.4g}",
            "{:#.4g} to {:#.4g} (95\N{NO-BREAK SPACE}%)".format(*score.interval) if score.interval else "",
            score.signature,
        )
        for score in scores
    )


def figure_card(name: str, figure: str, beside: str, signature: str = "") -> str:
    """A card that shows one figure large."""
    code = f"<code>{_signature(signature)}</code>" if signature else ""
    return (
        f'<div class="card"><h3>{escape(name)}</h3><div class="figure">{escape(figure)}</div>'
        f'<div class="interval">{escape(beside)}</div>{code}</div>'
    )


def worst_and_best(scores: Sequence[float]) -> tuple[list[int], list[int]]:
    """The numbers of the items that a report shows, the worst first and the best first; none is both."""
    order = sorted(range(len(scores)), key=lambda place: scores[place])
    worst = order[: min(SHOWN, (len(order) + 1) // 2)]
    return worst, order[len(worst) :][-SHOWN:][::-1]


def worst_and_best_cards(scores: Sequence[float], card: Callable[[int], str]) -> str:
    """The worst items and the best below headings; ``card`` makes the HTML of one, by its number."""
    return "\n".join(
        f"<h2>The {len(places)} {name}</h2>" + "".join(map(card, places))
        for name, places in zip(("worst", "best"), worst_and_best(scores), strict=True)
        if places
    )


def item_card(score: str, share: float, name: str, body: str) -> str:
    """The card of an item: its score, the share from 0 to 1 that its meter shows, its name; HTML below."""
    return (
        f'<article class="card item"><header><b>{escape(score)}</b><span class="meter">'
        f'<i style="width:{100 * share:.0f}%"></i></span><span>{escape(name)}</span></header>{body}</article>'
    )


def text_rows(texts: Iterable[tuple[str, str]]) -> str:
    """Texts as HTML, each beside its name."""
    rows = "".join(f'<dt>{name}</dt><dd dir="auto">{text or "&nbsp;"}</dd>' for name, text in texts)
    return f'<dl class="texts">{rows}</dl>'


def chart(title: str, bars: Sequence[Bar], note: str) -> str:
    """A bar chart on a card."""
    return (
        f'<div class="card"><h2>{escape(title)}</h2>{bar_chart(bars, title)}'
        f'<div class="soft">{escape(note)}</div></div>'
    )


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


def _comparison_table(comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return ""
    rows = "".join(
        f"<tr><td>{escape(each.name)}</td><td>{each.value:#.4g}</td><td>{each.other:#.4g}</td>"
        f"<td>{each.value - each.other:+#.3g}</td><td>{each.p_value:.4f}</td>"
        f'<td class="{each.verdict.split()[0]}">{each.verdict}</td></tr>'
        for each in comparisons
    )
    names = "".join(f"<th>{name}</th>" for name in ("Score", "This", "Other", "Differ&shy;ence", "p", ""))
    signatures = "<br>".join(f"{escape(each.name)}: {_signature(each.signature)}" for each in comparisons)
    return (
        '<h2>Against the other system</h2><section class="card"><div class="scroll"><table>'
        f"<tr>{names}</tr>{rows}</table></div><code>Paired bootstrap<br>{signatures}</code></section>"
    )


def _signature(text: str) -> str:
    """A signature that breaks between its parts where the line is short."""
    return escape(text).replace("|", "|<wbr>")


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

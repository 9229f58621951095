"""What a translation looked at while it was written, as a page or a picture to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from common.page import bar, page_of, part_of_page, rivals_html, write_explanation
from common.words import EOS, shown, visible
from translation.explanation import STRONG, Explanation, by_words, shade

if TYPE_CHECKING:
    from common.picture import Picture

_OWN = Path(__file__).with_name("explanation")


def write_explanations(explanations: Sequence[Explanation], path: Path) -> None:
    """Write explanations one below another, by words, as :func:`common.page.write_explanation` does."""

    def page() -> str:
        figures = "".join(map(_figure, explanations)) or "<p>Nothing was translated.</p>\n"
        return page_of("What the translation looked at", figures, _OWN)

    def picture() -> Picture:
        from translation.heat_map import lay_out  # imports matplotlib

        return lay_out(explanations)

    write_explanation(path, page, picture)


def explanation_html(explanation: Explanation) -> str:
    """One explanation, by words, as a piece of HTML with the style and script it needs.

    Without the script the table under the sentences says it all.
    """
    return part_of_page(_figure(explanation), _OWN)


def _figure(explanation: Explanation) -> str:
    words = by_words(explanation)
    choices = words.choices
    source, target = escape(words.source_language), escape(words.target_language)
    doubts = [f' tabindex="0" role="button" style="--doubt:{1 - p:.2f}"' for p in choices.probabilities]
    heads = "".join(f'<th scope="col"><span>{escape(shown(word))}</span></th>' for word in words.source)
    return f"""<figure class="inwords-explanation">
<figcaption>{source} → {target}</figcaption>
<p class="source" lang="{source}" dir="auto">{_sentence(words.source, "column", [""] * len(words.source))}</p>
<p class="target" lang="{target}" dir="auto">{_sentence(choices.pieces, "row", doubts)}</p>
<p class="detail" aria-live="polite"><span class="hint">Point at a word, or tap it: blue is where the
translation looked. The more amber a word, the less sure it was.</span></p>
<div class="scroll" tabindex="0"><table>
<thead><tr><td></td>{heads}
<th class="aside">probability</th><th class="aside">rivals</th></tr></thead>
<tbody>
{"".join(_table_rows(words))}</tbody></table></div>
</figure>
"""


def _sentence(words: Sequence[str], axis: str, attributes: Sequence[str]) -> str:
    spans = []
    for number, (word, attribute) in enumerate(zip(words, attributes, strict=True)):
        space, kind = (" ", ' class="eos"') if word == EOS else (" " * word[:1].isspace(), "")
        text = escape(visible(word))
        spans.append(f'{space}<span{kind} data-{axis}="{number}"{attribute}>{text}</span>')
    return "".join(spans).strip()


def _table_rows(words: Explanation) -> Iterator[str]:
    choices = words.choices
    for number, word in enumerate(choices.pieces):
        yield f'<tr data-row="{number}"><th scope="row">{escape(shown(word))}</th>'
        yield "".join(map(_cell, words.attention[number]))
        yield f'<td class="sure">{bar(choices.probabilities[number])}</td>'
        yield f'<td class="rivals">{rivals_html(choices.rivals[number])}</td></tr>\n'


def _cell(attention: float) -> str:
    strong, number = ' class="strong"' * (attention >= STRONG), f"{100 * attention:.0f}" * (attention >= 0.05)
    return f'<td{strong} style="--a:{shade(attention):.2f}">{number}</td>'

"""What a language model wrote and nearly wrote, as a page or a picture to show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from common.generation.explanation import TextExplanation, explain_texts, running_mean, summary
from common.page import page_of, write_explanation
from common.words import percent, shown, visible

if TYPE_CHECKING:
    from common.generation.model import LanguageModel
    from common.picture import Picture
    from common.result import Result

_OWN = Path(__file__).with_name("explanation")


def write_text_explanations(explanations: Sequence[TextExplanation], path: Path) -> None:
    """Write explanations one below another, as :func:`common.page.write_explanation` does."""

    def page() -> str:
        return page_of("How the text was chosen", "".join(map(_figure, explanations)), _OWN)

    def picture() -> Picture:
        from common.generation.explanation_picture import lay_out  # imports matplotlib

        return lay_out(explanations)

    write_explanation(path, page, picture)


def explain_to(path: Path, model: LanguageModel, prompt: str, named: Sequence[tuple[str, Result]]) -> None:
    """Explain texts as :func:`~common.generation.explanation.explain_texts` does, and write that."""
    write_text_explanations(explain_texts(model, prompt, named), path)


def _figure(explanation: TextExplanation) -> str:
    prompt = f'<span class="prompt">{_kept(explanation.prompt)}</span>' if explanation.prompt else ""
    tokens = "".join(_token(explanation, number, bits) for number, bits in enumerate(explanation.bits))
    return f"""<figure class="inwords-explanation text">
<figcaption>{escape(summary(explanation))}</figcaption>
<div class="head">
{_chart(explanation)}<p class="detail" aria-live="polite"><span class="hint">Point at a letter or word,
tap it, or go along with the arrow keys. The more amber it is, the less probable it was; the curve is how open
each choice was.</span></p>
</div>
<p class="written" dir="auto" tabindex="0">{prompt}{tokens}</p>
</figure>
"""


def _token(explanation: TextExplanation, number: int, bits: float) -> str:
    """A token with all there is to say about it as its title, a line each."""
    choices, loop = explanation.choices, explanation.loop
    piece, probability = choices.pieces[number], choices.probabilities[number]
    said = [
        shown(piece),
        percent(probability),
        f"entropy {bits:.1f} bits",
        *(f"{shown(rival)} {percent(value)}" for rival, value in choices.rivals[number]),
    ]
    kinds = ["line"] * ("\n" in piece)
    if loop and number >= loop.start:
        kinds.append("loop")
        kinds += ["round"] * ((number - loop.start) % loop.period == 0)
    kind = f' class="{" ".join(kinds)}"' if kinds else ""
    title = escape("\n".join(said))
    style = f' style="--doubt:{1 - probability:.2f}"' if probability < 0.995 else ""
    return f'<span data-row="{number}"{kind}{style} title="{title}">{_kept(piece)}</span>'


def _kept(text: str) -> str:
    """A text for HTML with its spaces and line breaks, and signs for what cannot be in a page."""
    return escape("".join(sign if sign.isspace() and sign in " \n\t" else visible(sign) for sign in text))


def _chart(explanation: TextExplanation) -> str:
    """Entropy along the text: a bar for each token, a curve through them."""
    bits, count = explanation.bits, len(explanation.bits)
    if not count:
        return ""
    top = max(1, math.ceil(max(bits)))
    bars = "".join(f"V{top - each:.2f}h1" for each in bits)
    curve = " ".join(f"{place + 0.5},{top - each:.2f}" for place, each in enumerate(running_mean(bits)))
    loop = ""
    if explanation.loop:
        start = explanation.loop.start
        loop = f'<rect class="loop" x="{start}" y="0" width="{count - start}" height="{top}"/>'
    return f"""<div class="chart"><span>{top} bits</span>
<svg viewBox="0 0 {count} {top}" preserveAspectRatio="none" role="img"
aria-label="entropy along the text, in bits">
{loop}<path class="bars" d="M0 {top}{bars}V{top}z"/><polyline points="{curve}"/>
<line class="marker" y1="0" y2="{top}" x1="-1" x2="-1"/></svg></div>
"""

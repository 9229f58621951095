"""Where in photographs was looked for each word of their captions, as a page or a picture to show."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from captioning.explaining import CaptionExplanation, explain_captions, light
from common.data_uri import data_uri
from common.page import bar, page_of, rivals_html, write_explanation
from common.words import shown, visible

if TYPE_CHECKING:
    from captioning.model import Captioner, Photograph
    from common.picture import Picture

_OWN = Path(__file__).with_name("explanation")
_VEIL = 40
"""Pixels of a veil's longer side; browsers stretch it smoothly."""


def write_caption_explanations(explanations: Sequence[CaptionExplanation], path: Path) -> None:
    """Write explanations one below another, as :func:`common.page.write_explanation` does."""

    def page() -> str:
        figures = "".join(map(_figure, explanations)) or "<p>Nothing was captioned.</p>\n"
        return page_of("Where the captioner looked", figures, _OWN)

    def picture() -> Picture:
        from captioning.explanation_picture import lay_out  # imports matplotlib

        return lay_out(explanations)

    write_explanation(path, page, picture)


def explain_to(
    path: Path, captioner: Captioner, captioned: Sequence[tuple[str, Photograph, str]], language: str
) -> None:
    """Explain captions as :func:`~captioning.explaining.explain_captions` does, and write that."""
    write_caption_explanations(explain_captions(captioner, captioned, language), path)


def _figure(explanation: CaptionExplanation) -> str:
    language, name = escape(explanation.language), escape(visible(explanation.name))
    aspect = explanation.photograph.width / explanation.photograph.height
    numbers = range(len(explanation.choices.pieces))
    caption = "".join(_word(explanation, number) for number in numbers).strip()
    return f"""<figure class="inwords-explanation caption"
style="--aspect:{aspect:.4f};--photo:url({data_uri(explanation.photograph)})">
<figcaption>{name}</figcaption>
<div class="both">
<div class="look" role="img" aria-label="{name}"></div>
<div>
<p class="target" lang="{language}" dir="auto">{caption}</p>
<p class="detail" aria-live="polite"><span class="hint">Point at a word, or tap it: what stays light is where
the captioner looked. The more amber a word, the less sure it was.</span></p>
<div class="tiles" lang="{language}">
{"".join(_tile(explanation, each) for each in numbers)}</div>
</div>
</div>
</figure>
"""


def _word(explanation: CaptionExplanation, number: int) -> str:
    word, doubt = explanation.choices.pieces[number], 1 - explanation.choices.probabilities[number]
    attributes = f'data-row="{number}" tabindex="0" role="button" style="--doubt:{doubt:.2f}"'
    return f"{' ' * word[:1].isspace()}<span {attributes}>{escape(visible(word))}</span>"


def _tile(explanation: CaptionExplanation, number: int) -> str:
    """A small photograph as it was seen for a word, and all there is to say about that."""
    choices, veil = explanation.choices, data_uri(_veil(explanation, number))
    return f"""<div class="tile" data-row="{number}" style="--veil:url({veil})">
<div class="look"></div><b>{escape(shown(choices.pieces[number]))}</b>
<span class="sure">{bar(choices.probabilities[number])}</span>
<span class="rivals">{rivals_html(choices.rivals[number])}</span></div>
"""


def _veil(explanation: CaptionExplanation, number: int) -> Image.Image:
    """What to lay over a photograph to leave the light of one word."""
    assert explanation.choices.attention is not None
    width, height = explanation.photograph.size
    scale = _VEIL / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    left = light(explanation.choices.attention[number], size)
    return Image.merge("LA", [Image.new("L", size), ImageOps.invert(left)])

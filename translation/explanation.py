"""What a translation looked at while it was written, as a picture or a page to show."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from common.errors import InputError
from translation.words import EOS, text_of, words_of

SUFFIXES = (".html", ".png", ".svg")
STRONG = 0.5
"""Attention from which on a shade is so dark that writing on it is white."""


@dataclass(frozen=True)
class Explanation:
    """One translation, and what was looked at for each of its pieces.

    A piece that begins a word starts with a space; the end-of-sentence reads ``<eos>`` and comes last.

    Attributes:
        source: Readable pieces of the source.
        target: Readable pieces of the translation.
        attention: How much each piece written looked at each piece read, (target, source); a row sums to 1.
        probabilities: Of each target piece, given those before it.
        rivals: For each target piece the nearest others and their probabilities, the likeliest first.
        source_language: Such as ``"de"``.
        target_language: Such as ``"en"``.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    attention: tuple[tuple[float, ...], ...]
    probabilities: tuple[float, ...]
    rivals: tuple[tuple[tuple[str, float], ...], ...]
    source_language: str
    target_language: str

    def __post_init__(self) -> None:
        rows = {len(self.attention), len(self.probabilities), len(self.rivals)}
        if rows != {len(self.target)} or any(len(row) != len(self.source) for row in self.attention):
            raise ValueError("an explanation must have a row for each target piece, a column for each source")


def by_words(explanation: Explanation) -> Explanation:
    """Merge pieces into words, punctuation apart; merging words again changes nothing.

    A word keeps the space it starts with. A column of attention is the sum over the source
    word's pieces, a row the mean over the target word's, a probability the product.

    The rivals of a word are the three likeliest words that would have come from another choice
    at a single piece: at its first (another word begins), at a later one (it goes on differently or ends
    there), or right after its last (it goes on). Each reads as far as that choice, with the probability
    of its pieces up to there; choices that read the same count together.
    """
    columns, rows = words_of(explanation.source), words_of(explanation.target)
    summed = [[sum(row[column.start : column.stop]) for column in columns] for row in explanation.attention]
    return Explanation(
        source=tuple(text_of(explanation.source, column) for column in columns),
        target=tuple(text_of(explanation.target, row) for row in rows),
        attention=tuple(
            tuple(sum(values) / len(row) for values in zip(*summed[row.start : row.stop], strict=True))
            for row in rows
        ),
        probabilities=tuple(math.prod(explanation.probabilities[row.start : row.stop]) for row in rows),
        rivals=_rivals(explanation, rows),
        source_language=explanation.source_language,
        target_language=explanation.target_language,
    )


def _rivals(explanation: Explanation, words: list[range]) -> tuple[tuple[tuple[str, float], ...], ...]:
    """The rivals of each word, as `by_words` says."""
    texts = [text_of(explanation.target, word) for word in words]
    found: list[dict[str, float]] = [{} for _ in words]
    for place, rivals in enumerate(explanation.rivals):
        for rival, probability in rivals:
            pieces = (*explanation.target[:place], rival)
            others = [text_of(pieces, word) for word in words_of(pieces)]
            # The first word that reads differently; none if this is the same word in other pieces.
            pairs = enumerate(zip(texts, others, strict=False))
            number = next((number for number, (text, other) in pairs if text != other), None)
            if number is not None:
                other, start = others[number], words[number].start
                probability *= math.prod(explanation.probabilities[start:place])
                found[number][other] = found[number].get(other, 0.0) + probability
    return tuple(tuple(sorted(each.items(), key=lambda pair: -pair[1])[:3]) for each in found)


def check_path(path: Path) -> None:
    """Raise InputError unless the suffix says what to write, so that one can ask before translating."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: an explanation is {', '.join(SUFFIXES)}; choose one of these suffixes")


def write_explanations(explanations: Sequence[Explanation], path: Path) -> None:
    """Write explanations one below another, by words: a page (.html) or a picture (.png, .svg).

    In a PNG, a sign that DejaVu Sans lacks, such as most emoji, is an empty box; the other
    two use the fonts of whoever looks at them.

    Raises:
        InputError: Another suffix, too much for one PNG, or the file cannot be written.
    """
    check_path(path)
    if path.suffix.lower() == ".html":
        content = _page(explanations).encode()
    else:
        from translation import heat_map  # imports matplotlib

        picture = heat_map.lay_out(explanations)
        try:
            content = heat_map.svg(picture) if path.suffix.lower() == ".svg" else heat_map.png(picture)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another file") from None


def explanation_html(explanation: Explanation) -> str:
    """One explanation, by words, as a piece of HTML with the style and script it needs.

    Any number of them can go into a page. The style touches nothing outside the class
    ``inwords-explanation``; without the script the table under the sentences says it all.
    """
    return f"<style>\n{_beside('css')}</style>\n{_figure(explanation)}<script>\n{_beside('js')}</script>\n"


def _page(explanations: Sequence[Explanation]) -> str:
    figures = "".join(map(_figure, explanations)) or "<p>Nothing was translated.</p>\n"
    return f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What the translation looked at</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 64rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.5rem; }}
{_beside("css")}</style>
<h1>What the translation looked at</h1>
{figures}<script>
{_beside("js")}</script>
</html>
"""


def _beside(kind: str) -> str:
    return Path(__file__).with_suffix(f".{kind}").read_text(encoding="utf-8")


def _figure(explanation: Explanation) -> str:
    words = by_words(explanation)
    source, target = escape(words.source_language), escape(words.target_language)
    doubts = [f' tabindex="0" role="button" style="--doubt:{1 - p:.2f}"' for p in words.probabilities]
    heads = "".join(f'<th scope="col"><span>{escape(shown(word))}</span></th>' for word in words.source)
    return f"""<figure class="inwords-explanation">
<figcaption>{source} → {target}</figcaption>
<p class="source" lang="{source}" dir="auto">{_sentence(words.source, "column", [""] * len(words.source))}</p>
<p class="target" lang="{target}" dir="auto">{_sentence(words.target, "row", doubts)}</p>
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
    for number, word in enumerate(words.target):
        p = words.probabilities[number]
        yield f'<tr data-row="{number}"><th scope="row">{escape(shown(word))}</th>'
        yield "".join(map(_cell, words.attention[number]))
        yield f'<td class="sure"><span class="bar" style="--p:{p:.3f}"></span>{percent(p)}</td>'
        rivals = (f"<b>{escape(shown(rival))}</b> {percent(q)}" for rival, q in words.rivals[number])
        yield f'<td class="rivals">{" · ".join(rivals)}</td></tr>\n'


def _cell(attention: float) -> str:
    strong, number = ' class="strong"' * (attention >= STRONG), f"{100 * attention:.0f}" * (attention >= 0.05)
    return f'<td{strong} style="--a:{shade(attention):.2f}">{number}</td>'


def shade(attention: float) -> float:
    """How dark to draw attention, 0 to 1: a little darker than in proportion, so that the weak shows too."""
    return float(min(1.0, attention) ** 0.75)


def percent(probability: float) -> str:
    """A probability to read."""
    text = f"{100 * probability:.0f}%"
    return "<1%" if text == "0%" and probability > 0.0 else text


def visible(word: str) -> str:
    """The word without its space, and with signs in place of what cannot be written into a page."""
    signs = (chr(0x2400 + ord(sign)) if sign < " " else sign for sign in word.strip())
    return "".join("\ufffd" if sign in "\x7f\ufffe\uffff" else sign for sign in signs) or "␣"


def shown(word: str) -> str:
    """The word as `visible`, without its middle if it is long."""
    word = visible(word)
    return word if len(word) <= 24 else f"{word[:15]}…{word[-8:]}"

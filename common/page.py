"""What the explanations of all applications have in common: where they go, and how their pages look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import InputError
from common.words import percent, shown

if TYPE_CHECKING:
    from common.choices import Rival
    from common.picture import Picture

SUFFIXES = (".html", ".png", ".svg")


def check_path(path: Path) -> None:
    """Raise InputError unless an explanation can go there, so that one can ask before the work is done."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: an explanation is {', '.join(SUFFIXES)}; choose one of these suffixes")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: cannot be written (no such folder); choose another file")


def write_explanation(path: Path, page: Callable[[], str], picture: Callable[[], Picture]) -> None:
    """Write a page (.html) or a picture (.png, .svg), whichever the suffix asks for.

    In a PNG, a sign that DejaVu Sans lacks, such as most emoji, is an empty box; the other
    two use the fonts of whoever looks at them.

    Raises:
        InputError: Another suffix, too much for one PNG, or the file cannot be written.
    """
    check_path(path)
    if path.suffix.lower() == ".html":
        content = page().encode()
    else:
        from common.picture import png, svg  # imports matplotlib

        try:
            content = svg(picture()) if path.suffix.lower() == ".svg" else png(picture())
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another file") from None


def page_of(title: str, figures: str, own: Path) -> str:
    """A page that fetches nothing.

    Args:
        title: Also its heading.
        figures: HTML, each a ``figure`` of the class ``inwords-explanation``.
        own: The style sheet and the script of these figures, without their suffixes, ``.css`` and ``.js``.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 64rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.5rem; }}
{_beside(own, ".css")}</style>
<h1>{escape(title)}</h1>
{figures}{_script(own)}</html>
"""


def part_of_page(figures: str, own: Path) -> str:
    """Figures with the style and script they need, to go into any page, as often as one likes.

    The style touches nothing outside the class ``inwords-explanation``. Arguments are as for `page_of`.
    """
    return f"<style>\n{_beside(own, '.css')}</style>\n{figures}{_script(own)}"


def _script(own: Path) -> str:
    # If a page has several, the first serves all of its figures.
    once = "if (!document.inwordsExplanation) {\ndocument.inwordsExplanation = true;\n"
    return f"<script>\n{once}{_beside(own, '.js')}}}\n</script>\n"


def _beside(own: Path, suffix: str) -> str:
    """What all explanations share, then what is for these."""
    files = Path(__file__).with_name("explanation"), own
    return "".join(each.with_suffix(suffix).read_text(encoding="utf-8") for each in files)


def bar(probability: float) -> str:
    """A probability as a bar and a number."""
    return f'<span class="bar" style="--p:{probability:.3f}"></span>{percent(probability)}'


def rivals_html(rivals: Sequence[Rival]) -> str:
    """Rivals in a row."""
    return " · ".join(f"<b>{escape(shown(rival))}</b> {percent(value)}" for rival, value in rivals)

"""A gallery: captioned photographs on one HTML page that needs nothing else, neither network nor server."""

from __future__ import annotations

import io
import math
import os
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

from common.errors import InputError
from common.output import one_line, open_output

if TYPE_CHECKING:
    from PIL import Image

    from common.result import Result

# The longest side and the area of a thumbnail, in pixels, and WebP's quality: 4 kB each on
# average over Flickr8k, so that 5,000 photographs stay below 30 MB.
_LONGEST, _AREA, _QUALITY = 240, 36_000, 40
_PARTS = Path(__file__).with_name("gallery.html")


class Gallery:
    """A page that is being written, each photograph as it comes: nothing of it is kept in memory."""

    def __init__(self, page: TextIO, errors: TextIO, folder: Path) -> None:
        self._page, self._errors, self._folder = page, errors, folder

    @classmethod
    @contextmanager
    def open(cls, path: Path, title: str, language: str = "en") -> Iterator[Gallery]:
        """A gallery to add photographs to; ``path`` appears, or is replaced, only when the context ends well.

        Args:
            path: Of the page, from where it links to the photographs.
            title: Its heading.
            language: Of the captions (BCP 47), for screen readers, fonts and the search box.

        Raises:
            InputError: The page cannot be written.
        """
        head, rest = _PARTS.read_text(encoding="utf-8").split("${photographs}")
        middle, tail = rest.split("${errors}")
        texts = {"title": escape(_shown(title)), "language": escape(language)}
        texts |= {
            name: _PARTS.with_suffix(suffix).read_text(encoding="utf-8").strip()
            for name, suffix in (("style", ".css"), ("script", ".js"))
        }
        # The errors come last on the page: until then they wait in a file without a name.
        with (
            open_output(path, option="--gallery") as page,
            tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        ):
            page.write(Template(head).substitute(texts))
            yield cls(page, errors, Path(os.path.abspath(path)).parent)
            page.write(Template(middle).substitute(texts))
            if errors.tell():
                errors.seek(0)
                page.write('<section id="errors"><h2>Without a caption</h2><ul>\n')
                shutil.copyfileobj(errors, page)
                page.write("</ul></section>\n")
            page.write(Template(tail).substitute(texts))

    def add(self, photograph: Path, picture: Image.Image | bytes | None, result: Result | InputError) -> None:
        """Write a photograph and its caption, or put its error on the list at the end of the page.

        Args:
            photograph: Its path, which the page links to; it is not opened.
            picture: As `read_photograph` returns it, or its `thumbnail` made before; None beside an error.
            result: The caption, with any alternatives, or why there is none.
        """
        if isinstance(result, InputError):
            self._errors.write(f"<li>{escape(_shown(str(result)))}</li>\n")
            return
        if picture is None:
            raise ValueError("picture must be given beside a caption, got None")
        data = picture if isinstance(picture, bytes) else thumbnail(picture)
        caption, name = escape(_shown(result.text)), escape(_shown(photograph.name))
        link, where = _link(photograph, self._folder)
        sure = confidence(result)
        self._page.write(
            f'<figure data-sure="{"" if sure is None else f"{sure:.4f}"}">'
            f'<a href="{escape(link)}" title="{escape(_shown(where))}" style="--tone:{_tone(data)}">'
            f'<img alt="{caption}" loading="lazy" decoding="async" '
            f'src="data:image/webp;base64,{b64encode(data).decode()}"></a>'
            f'<figcaption><p dir="auto">{caption}</p>{_others(result)}'
            f'<div class="foot" lang="en"><span class="name">{name}</span>{_bar(sure)}</div>'
            "</figcaption></figure>\n"
        )


def thumbnail(image: Image.Image) -> bytes:
    """A small WebP picture of a photograph, of the same shape, at most 240 pixels long; none is enlarged."""
    from PIL import Image

    width, height = image.size
    scale = min(1.0, _LONGEST / max(width, height), math.sqrt(_AREA / (width * height)))
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    data = io.BytesIO()
    # The gap: whole steps first, for a panorama of 100 megapixels takes long otherwise.
    small = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    small.save(data, "WEBP", quality=_QUALITY)
    return data.getvalue()


def confidence(result: Result) -> float | None:
    """The geometric mean of the probabilities of a text's tokens, in 0..1; None if it has none."""
    return math.exp(min(0.0, result.score / len(result.tokens))) if result.tokens else None


def _others(result: Result) -> str:
    """The alternatives of a caption, to be unfolded."""
    if not result.alternatives:
        return ""
    items = "".join(f'<li dir="auto">{escape(_shown(each.text))}</li>' for each in result.alternatives)
    return f'<details><summary lang="en">{len(result.alternatives)} more</summary><ol>{items}</ol></details>'


def _bar(sure: float | None) -> str:
    """A confidence as a bar and a number."""
    if sure is None:
        return ""
    return f'<span class="sure"><b>Confidence</b> {sure:.0%}</span><i style="--sure:{sure:.0%}"></i>'


def _tone(data: bytes) -> str:
    """The mean colour of a small picture, for CSS: it tints what the picture leaves free of its frame."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        colour = image.convert("RGB").resize((1, 1), Image.Resampling.BOX)
    return f"#{colour.tobytes().hex()}"


def _link(photograph: Path, folder: Path) -> tuple[str, str]:
    """The address of a photograph from a page in ``folder``, relative if it can be, and the same to read."""
    whole = os.path.abspath(photograph)
    try:
        where = os.path.relpath(whole, folder)
    except ValueError:  # another drive of Windows
        return Path(whole).as_uri(), whole
    return quote(os.fsencode(where.replace(os.sep, "/"))), where


def _shown(text: str) -> str:
    """A text on one line, which can be written: each byte of a name that is not UTF-8 becomes U+FFFD."""
    return one_line(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

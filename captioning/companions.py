"""What is made beside captions, as they come: a gallery, sidecar files, an explanation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from captioning.gallery import Gallery, thumbnail
from captioning.sidecar import write_sidecar
from common.errors import InputError
from common.result import Result

if TYPE_CHECKING:
    from PIL import Image

    from captioning.model import Captioner

Source = Path | BinaryIO


@dataclass
class Companions:
    """What to make of each photograph and its caption.

    Attributes:
        language: Of the captions.
        gallery: A page that photographs are added to, if one is wanted.
        sidecars: Whether to write captions into sidecar files.
        explained: Name, picture and caption of each photograph to explain; None to explain none.
    """

    language: str
    gallery: Gallery | None = None
    sidecars: bool = False
    explained: list[tuple[str, Source, str]] | None = None
    _thumbnails: dict[int, bytes] = field(default_factory=dict)

    @property
    def look(self) -> Callable[[Source, Image.Image], None] | None:
        """What to show each picture when it is decoded anyway; may be called on several threads."""
        return self._keep_thumbnail if self.gallery else None

    def _keep_thumbnail(self, source: Source, picture: Image.Image) -> None:
        self._thumbnails[id(source)] = thumbnail(picture)

    def add(self, name: str, source: Source, result: Result | InputError) -> None:
        """Make everything of one photograph.

        Raises:
            InputError: Its sidecar, or the gallery, cannot be written.
        """
        small = self._thumbnails.pop(id(source), None)
        if self.gallery:
            self.gallery.add(Path(name), small, result)
        if isinstance(result, InputError):
            return
        if self.sidecars and isinstance(source, Path):
            write_sidecar(source, result.text, self.language)
        if self.explained is not None:
            self.explained.append((name, source, result.text))


@contextmanager
def companions(
    captioner: Captioner, language: str, *, gallery: Path | None, sidecars: bool, explain: Path | None
) -> Iterator[Companions]:
    """What is made beside the captions written in this context; pages are there when it ends well.

    Raises:
        InputError: A page cannot be written.
    """
    from captioning.explanation_page import explain_to

    with ExitStack() as stack:
        page = stack.enter_context(Gallery.open(gallery, "Photographs", language)) if gallery else None
        made = Companions(language, page, sidecars, [] if explain else None)
        yield made
        if explain and made.explained:
            explain_to(explain, captioner, made.explained, language)

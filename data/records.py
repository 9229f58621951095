"""The plain records that readers return and everything else takes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """An image file and what people wrote about it, in one language."""

    image: Path
    captions: tuple[str, ...]
    language: str = "en"


@dataclass(frozen=True, slots=True)
class SentencePair:
    """A sentence and its translation; languages are codes such as ``"de"``."""

    source: str
    target: str
    source_language: str
    target_language: str

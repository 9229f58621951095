"""A folder of photographs with a text file beside each: ``a.jpg`` and ``a.txt``, or ``a.jpg.txt``."""

from collections.abc import Iterator
from pathlib import Path

from common.errors import InputError
from common.files import read_filled_lines

PICTURES = {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".png"}
PICTURES |= {".ppm", ".tga", ".tif", ".tiff", ".webp"}
"""Endings of the files that a text beside is about; for other texts nobody asks."""


def read_captioned_folder(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (image name, caption) of a folder and those below it, in the order of the names.

    Each filled line of a text is a caption; names are relative to ``folder``. Hidden
    files, pictures without a text and texts without a picture are passed over.

    Raises:
        InputError: A text has no lines, or cannot be read.
    """
    pictures = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES]
    for picture in pictures:
        name = picture.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        texts = [picture.with_suffix(".txt"), picture.with_name(picture.name + ".txt")]
        for text in texts:
            if not text.is_file():
                continue
            lines = [line.strip() for _, line in read_filled_lines(text)]
            if not lines:
                raise InputError(f"{text} is empty; write a caption on each line, or remove the file")
            yield from ((name.as_posix(), line) for line in lines)

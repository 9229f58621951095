"""Plain text for language models."""

import re
from collections.abc import Iterator
from pathlib import Path

from common.errors import InputError
from common.files import read_ended_lines, read_text

# Up to the last place between two words that have one space between them. There, every kind of token ends.
_TO_LAST_SPACE = re.compile(r"(?s:.*)\S(?= \S)")


def read_corpus(path: Path) -> str:
    r"""Return a text, plain or gzip, with ``\r\n`` turned into ``\n``.

    Raises:
        InputError: If the file cannot be read, is not UTF-8 or holds no text.
    """
    text = read_text(path).replace("\r\n", "\n")
    if not text.strip():
        raise InputError(f"{path} is empty; give a file with text to learn from")
    return text


def read_pieces(path: Path, share: float = 1.0, size: int = 50_000) -> Iterator[tuple[int, str]]:
    """Yield a text as `read_corpus` returns it, piece by piece, each with the line that it begins in.

    However long the text is, there is never more of it in memory than a piece and a line. Pieces end
    before a space that parts two words; where there is none, anywhere.

    Args:
        path: A text file, plain or gzip.
        share: Only this last share of it, as `split_corpus` cuts it; the file is read twice then.
        size: Most characters of a piece.

    Raises:
        InputError: If the file cannot be read, is not UTF-8 or holds no text, in this share of it.
    """
    skip, line, blank = 0, 1, True
    if share < 1:
        total = sum(map(len, _pieces(path, size)))
        skip = total - round(total * share)
    for piece in _pieces(path, size):
        skipped, kept = piece[:skip], piece[skip:]
        skip -= len(skipped)
        line += skipped.count("\n")
        blank = blank and not kept.strip()
        if kept:
            yield line, kept
        line += kept.count("\n")
    if blank and share < 1:
        raise InputError(f"{path}: the last {share:g} of it holds no text; take more of it")
    if blank:
        raise InputError(f"{path} is empty; give a file with text to read")


def _pieces(path: Path, size: int) -> Iterator[str]:
    rest = ""
    for ended in read_ended_lines(path):
        rest += ended.replace("\r\n", "\n")
        start = 0
        while len(rest) - start > size:
            match = _TO_LAST_SPACE.match(rest, start, start + size)
            end = match.end() if match else start + size
            yield rest[start:end]
            start = end
        rest = rest[start:]
    if rest:
        yield rest


def split_corpus(text: str, validation_share: float = 0.1) -> tuple[str, str]:
    """Split a text into its beginning, for training, and its last share, for validation.

    Raises:
        ValueError: If the share is not in [0, 1].
    """
    if not 0 <= validation_share <= 1:
        raise ValueError(f"validation_share must be in [0, 1], got {validation_share!r}")
    boundary = len(text) - round(len(text) * validation_share)
    return text[:boundary], text[boundary:]

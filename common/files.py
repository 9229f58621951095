"""Text files in, lines out: plain or gzip, UTF-8, any of the usual line endings.

Every reader of this package goes through here, so that a missing, damaged or
wrongly encoded file is reported in the same words everywhere.
"""

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import cast

from common.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = "\ufeff"


def read_lines(path: Path) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 text file without their endings.

    Lines end with ``\n`` or ``\r\n`` and with nothing else: a form feed or a
    U+2028 inside a sentence stays there, so that line-aligned files stay
    aligned. A byte order mark is dropped. Files are gzip when they begin with
    its two magic bytes or are named ``.gz``.

    Raises:
        InputError: When the first line is asked for, if there is no such file
            or it cannot be read; later, if the gzip data are damaged or a line
            is not UTF-8.
    """
    for line in read_ended_lines(path):
        yield line.removesuffix("\n").removesuffix("\r")


def read_ended_lines(path: Path) -> Iterator[str]:
    """Yield the lines of `read_lines` with their endings."""
    for number, line in enumerate(read_byte_lines(path), start=1):
        try:
            yield decode_line(line, number)
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from None


def read_filled_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line) for the lines of `read_lines` that are not blank."""
    return ((number, line) for number, line in enumerate(read_lines(path), start=1) if line.strip())


def read_text(path: Path) -> str:
    """Return a whole UTF-8 text file, plain or gzip, with its line endings as they are.

    Raises:
        InputError: As `read_lines`.
    """
    return "".join(read_ended_lines(path))


def read_json(path: Path) -> object:
    """Return the one document of a JSON file, plain or gzip.

    Raises:
        InputError: As `read_lines`, or if the text is not JSON.
    """
    text = read_text(path)
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not JSON ({error}); if it has one record a line, name it .jsonl"
        ) from None
    return document


def read_byte_lines(path: Path | None) -> Iterator[bytes]:
    r"""Yield the lines of a file, plain or gzip, as bytes with their endings; None and - are standard input.

    Raises:
        InputError: As `read_lines`, but for the encoding, or if standard input is closed.
    """
    path = None if path == Path("-") else path
    name = path or "standard input"
    try:
        with path.open("rb") if path else nullcontext(_standard_input()) as file:
            yield from _unpacked(file, path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{name} is not a whole gzip file ({error}); fetch or compress it again") from None
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{name} is a folder; name a file in it") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from None


def decode_line(line: bytes, number: int) -> str:
    """The text of a file's line ``number``, counted from 1; the first loses its byte order mark.

    Raises:
        InputError: It is not UTF-8. Which line that is, is for the caller to say.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputError(
            f"byte {error.start + 1} (0x{byte:02x}) is not UTF-8; "
            f"convert the file first, for instance with: iconv -f LATIN1 -t UTF-8"
        ) from None
    return text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text


def _standard_input() -> BufferedReader:
    if sys.stdin is None:
        raise InputError("standard input is closed; name a file to read")
    stream = sys.stdin.buffer
    # What stands in for standard input, as in a test, need not be able to peek.
    return stream if isinstance(stream, BufferedReader) else BufferedReader(cast(RawIOBase, stream))


def _unpacked(file: BufferedReader, path: Path | None) -> BufferedReader | gzip.GzipFile:
    # Peeking rather than seeking: the file may be a pipe.
    if (path and path.suffix == ".gz") or file.peek(2)[:2] == _GZIP_MAGIC:
        return gzip.open(file)
    return file

"""Where results go: standard output, or a file that appears only when it is complete."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from common.errors import InputError

if TYPE_CHECKING:
    from common.result import Result


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add ``--format`` and ``--output``."""
    parser.add_argument(
        "--format", choices=("text", "jsonl"), default="text", help="lines of text (the default), or of JSON"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write there instead of to standard output; replaces the file",
    )


@contextmanager
def open_output(path: Path | None) -> Iterator[TextIO]:
    """A text file to write results to; ``path`` gets its name only when the context ends well.

    A device or a named pipe, such as ``/dev/null``, is written to as it is.

    Raises:
        InputError: The file cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file in it as --output")
        special = path.exists() and not path.is_file()
        whole = path.resolve()  # a link stays one
        part = path if special else whole.with_name(whole.name + ".part")
        try:
            # The name of a picture need not be text: what is not becomes an escape, which JSON reads back.
            with part.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                yield file
            if not special:
                os.replace(part, whole)
        finally:
            if not special:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another --output") from error


def json_line(record: dict[str, Any]) -> str:
    """One record of JSONL, without the line's end."""
    return json.dumps(record, ensure_ascii=False)


def texts_of(result: Result | InputError, count: int) -> list[str]:
    """The result and its alternatives as ``count`` lines, empty where there are no more."""
    if isinstance(result, InputError):
        return [""] * count
    texts = [one_line(each.text) for each in (result, *result.alternatives)]
    return texts + [""] * (count - len(texts))


def one_line(text: str) -> str:
    """The text with its line breaks turned into spaces, so that an item stays on its line."""
    return " ".join(text.splitlines())

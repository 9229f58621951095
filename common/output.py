"""Where results go: standard output, or a file that appears only when it is complete."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from common.errors import InputError


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

    Raises:
        InputError: The file cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    part = path.with_name(path.name + ".part")
    try:
        file = part.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another --output") from error
    try:
        with file:
            yield file
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another --output") from error
    finally:
        part.unlink(missing_ok=True)


def json_line(record: dict[str, Any]) -> str:
    """One record of JSONL, without the line's end."""
    return json.dumps(record, ensure_ascii=False)


def one_line(text: str) -> str:
    """The text with its line breaks turned into spaces, so that an item stays on its line."""
    return " ".join(text.splitlines())

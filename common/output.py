"""Where results go: standard output, or a file that appears only when it is complete."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

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


def part_of(path: Path | None) -> Path | None:
    """The file that holds what is written until ``path`` is complete, always plain text.

    None for standard output (None), a device or a named pipe, such as ``/dev/null``, which
    are written to as they are.
    """
    if path is None or (os.path.exists(path) and not os.path.isfile(path)):
        return None
    whole = path.resolve()  # a link stays one
    return whole.with_name(whole.name + ".part")


@contextmanager
def open_output(path: Path | None, *, resumable: bool = False, option: str = "--output") -> Iterator[TextIO]:
    """A text file to write results to; ``path`` gets its name only when the context ends well.

    A file named ``.gz`` is compressed then. After an error nothing is left of what was
    written; or all of it, in `part_of`, if it is to be ``resumable``. Then that file can be
    read too, and writing goes on after what it holds already.

    Raises:
        InputError: The file cannot be written; the message names the ``option`` that gave it.
    """
    if path is None:
        yield sys.stdout
        return
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file in it as {option}")
        part = part_of(path)
        mode: Literal["a+", "w"] = "a+" if part and resumable else "w"
        try:
            # The name of a picture need not be text: what is not becomes an escape, which JSON reads back.
            with open(part or path, mode, encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                yield file
            if part:
                _complete(part, packed=path.suffix == ".gz")
        finally:
            if part and not (resumable and os.path.exists(part) and part.stat().st_size):
                part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another {option}") from error


def _complete(part: Path, *, packed: bool) -> None:
    """Give a complete part the name of the whole file, compressed if that is to be ``packed``."""
    whole = part.with_suffix("")
    if not packed:
        os.replace(part, whole)
        return
    ready = part.with_name(part.name + ".gz")
    try:
        # Without a name and a time in it: the same lines make the same file.
        with (
            part.open("rb") as lines,
            ready.open("wb") as file,
            gzip.GzipFile("", "wb", 6, file, mtime=0) as pack,
        ):
            shutil.copyfileobj(lines, pack)
        os.replace(ready, whole)
    finally:
        ready.unlink(missing_ok=True)
    part.unlink()


def json_line(record: dict[str, Any]) -> str:
    """One record of JSONL, without the line's end."""
    return json.dumps(record, ensure_ascii=False)


def texts_of(result: Result | InputError, count: int) -> list[str]:
    """The result and its alternatives as ``count`` lines, empty where there are no more.

    Where more than one is asked for, each has its score and a tab before it.
    """
    if isinstance(result, InputError):
        return [""] * count
    every = (result, *result.alternatives)
    texts = [one_line(each.text) for each in every]
    if count > 1:
        texts = [f"{each.score:.4f}\t{text}" for each, text in zip(every, texts, strict=True)]
    return texts + [""] * (count - len(texts))


def one_line(text: str) -> str:
    """The text with its line breaks turned into spaces, so that an item stays on its line."""
    return " ".join(text.splitlines())

"""The photographs that a command is given: as arguments, on standard input, or as a list of their paths."""

import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from captioning.folders import find_photographs
from captioning.photographs import printable
from common.bulk import Item, read_items
from common.errors import InputError

Photograph = tuple[Item, Path | BinaryIO]
"""An item whose text is the name of a photograph, and what to read it from."""


def given_photographs(arguments: Sequence[Path]) -> Iterator[Photograph]:
    """The photographs that the arguments name, numbered from 1; ``-`` is one on standard input."""
    number = 0
    for argument in arguments:
        given = [_standard_input()] if str(argument) == "-" else find_photographs([argument])
        for source, error in given:
            number += 1
            yield Item(number, str(source) if isinstance(source, Path) else "-", error=error), source


def listed_photographs(path: Path | None, field: str | None) -> Iterator[Photograph]:
    """The photographs whose paths are the lines of a file, or in a field of its records.

    Raises:
        InputError: The file cannot be read; see :func:`~common.bulk.read_items`.
    """
    for item in read_items(path, field):
        blank = None if item.text.strip() else InputError("there is no path; write that of a picture")
        yield replace(item, error=item.error or blank), Path(item.text)


def same_as_before(photographs: Iterator[Photograph], part: Path, done: int) -> Iterator[Photograph]:
    """All photographs; those that are done must be those that an interrupted run has captioned.

    Records of the caller's, which need not say what the photograph is, are not looked at.

    Args:
        photographs: All of them.
        part: The records that the run has left, one a line.
        done: How many.

    Raises:
        InputError: A photograph has been added, removed or renamed since.
    """
    if done:
        with part.open("rb") as lines:
            for (item, source), line in zip(islice(photographs, done), lines, strict=False):
                if item.fields is None and _image_of(line) != item.text:
                    raise InputError(
                        f"{part}, line {item.number}: not {printable(item.text)}; photographs have come, "
                        f"gone or been renamed since the interruption: leave --resume out to start again"
                    )
                yield item, source
    yield from photographs


def _standard_input() -> tuple[BinaryIO, InputError | None]:
    """The picture on standard input, and what is wrong if there is none."""
    stream = io.BytesIO(sys.stdin.buffer.read() if sys.stdin else b"")
    stream.name = "standard input"
    if stream.getbuffer():
        return stream, None
    return stream, InputError("standard input: nothing came; send a picture: inwords caption - < photo.jpg")


def _image_of(line: bytes) -> object:
    """The image that a line of the output is about; None if it is no record."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record.get("image") if isinstance(record, dict) else None

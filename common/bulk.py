"""Bulk work: many lines in, as many results out, resumed after an interruption.

    with open_bulk_output(path, resume=True, report=report) as output:
        items = output.remaining(read_items(source, field="caption"))
        for item, text in progress(work(items), source, output):
            output.write([merge(item, {"translation": text})])

Neither the input nor the output is ever held in memory.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from textwrap import shorten
from typing import Any, BinaryIO, Literal, TextIO, TypeVar

from common.errors import InputError
from common.files import decode_line, read_byte_lines
from common.output import add_output, json_line, open_output, part_of

T = TypeVar("T")


def add_files(parser: argparse.ArgumentParser, *, what: str, field: str) -> None:
    """Add ``--input``, ``--field``, ``--output``, ``--format`` and ``--resume``.

    Args:
        parser: Of the command.
        what: The help of ``--input``.
        field: The help of ``--field``.
    """
    parser.add_argument("--input", type=Path, metavar="FILE", help=f"{what}; - is standard input")
    parser.add_argument("--field", metavar="NAME", help=field)
    add_output(parser)
    parser.add_argument(
        "--resume", action="store_true", help="go on where an interrupted run stopped writing --output"
    )


@dataclass(frozen=True)
class Item:
    """One line of the input.

    Attributes:
        number: Its place, from 1.
        text: What is to be worked on, or what could be read of it if that is not possible.
        fields: The record that holds the text; None for plain text.
        error: Why this line cannot be used, without saying which it is; the work goes on.
        ending: How the line ends in the input.
    """

    number: int
    text: str
    fields: dict[str, Any] | None = None
    error: InputError | None = None
    ending: Literal["\n", "\r\n"] = "\n"


def read_items(path: Path | None, field: str | None = None) -> Iterator[Item]:
    """Yield an item for each line of a file, plain or gzip; None and - are standard input.

    Lines are as in `common.files.read_lines`. With a ``field`` each is a JSON record that has
    the text there; a blank one is an empty text.

    Raises:
        InputError: When the first item is asked for, if the input cannot be read; later, if
            its gzip data are damaged.
    """
    for number, line in enumerate(read_byte_lines(path), start=1):
        ending: Literal["\n", "\r\n"] = "\r\n" if line.endswith(b"\r\n") else "\n"
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        text, fields, problem = line.decode(errors="replace"), None, None
        try:
            text = decode_line(line, number)
            if field is not None and text.strip():
                fields = _fields(text)
                text = _text(fields, field)
        except InputError as error:
            problem = error
        yield Item(number, text, fields, problem, ending)


def _fields(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(
            f"not JSON ({error.msg} at character {error.pos + 1}); write one whole record on each line"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"JSON that cannot be read ({error}); leave this record out") from None
    if not isinstance(fields, dict):
        raise InputError("not a record; write the names and values of its fields within braces")
    return fields


def _text(fields: dict[str, Any], field: str) -> str:
    if field not in fields and isinstance(fields.get("error"), str):
        raise InputError(fields["error"])  # of the command that wrote the record
    if field not in fields:
        names = shorten(", ".join(map(repr, fields)), 200) or "none"
        raise InputError(f"has no field {field!r} but {names}; name the one with the text as --field")
    text = fields[field]
    if not isinstance(text, str):
        raise InputError(f"field {field!r} is {shorten(repr(text), 50)}, not a text; write it in quotes")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"field {field!r} has half a surrogate pair; write the whole character") from None
    return text


def merge(item: Item, additions: dict[str, Any]) -> str:
    """The item's record as a line of JSON, ``additions`` at its end in place of fields of their names."""
    kept = {name: value for name, value in (item.fields or {}).items() if name not in additions}
    return json_line(kept | additions)


@dataclass(frozen=True)
class BulkOutput:
    """Takes the lines of one item after the other; made by `open_bulk_output`.

    Attributes:
        file: Where they go.
        lines_per_item: How many each item has.
        done: Items whose lines an interrupted run has left.
    """

    file: TextIO
    lines_per_item: int = 1
    done: int = 0

    def remaining(self, items: Iterable[T]) -> Iterator[T]:
        """The items that are still to be done, of the same ones that the interrupted run had.

        Raises:
            InputError: There are fewer items than are done.
        """
        iterator = iter(items)
        skipped = sum(1 for _ in islice(iterator, self.done))
        if skipped < self.done:
            raise InputError(
                f"{self.file.name} holds the results of {self.done} items and the input has only {skipped}; "
                f"give the input of the interrupted run, or leave --resume out to start again"
            )
        yield from iterator

    def write(self, lines: Sequence[str], ending: str = "\n") -> None:
        """Write the lines of the next item, so that not even the end of the process can lose them."""
        if len(lines) != self.lines_per_item or any("\n" in line for line in lines):
            raise ValueError(
                f"an item must have {self.lines_per_item} lines without line feeds, got {lines!r}"
            )
        self.file.write("".join(f"{line}{ending}" for line in lines))
        self.file.flush()


@contextmanager
def open_bulk_output(
    path: Path | None, *, lines_per_item: int = 1, resume: bool = False, report: Callable[[str], None]
) -> Iterator[BulkOutput]:
    """Open the output of bulk work, which gets the name ``path`` when the context ends well.

    Until then its lines are in ``path``.part. They stay there after an interruption, for the
    next run to ``resume`` after the last whole item among them, and to be overwritten otherwise.

    Args:
        path: The file, ``.gz`` for a compressed one; None for standard output.
        lines_per_item: Lines that are written for each item.
        resume: Go on after what an interrupted run has left, or from the start if there was none.
        report: Is told in one line, after an interruption, that it can be resumed.

    Raises:
        InputError: The file cannot be written, or there is nothing to resume.
    """
    part = part_of(path)
    if resume:
        _check_resumable(path, part)
    try:
        with open_output(path, resumable=True) as file:
            done = 0
            if part:
                size, done = _whole_items(file.buffer, lines_per_item) if resume else (0, 0)
                file.buffer.truncate(size)
            yield BulkOutput(file, lines_per_item, done)
    except BaseException:
        if part and os.path.isfile(part):
            report(f"what is done is kept in {part}; the same command with --resume goes on from there")
        raise


def _check_resumable(path: Path | None, part: Path | None) -> None:
    if path is None or part is None:
        raise InputError("--resume goes on with a file; name that of the interrupted run as --output")
    if os.path.exists(path) and not os.path.exists(part):
        raise InputError(
            f"{path} is complete, nothing is left to resume; leave --resume out to make it again"
        )


def _whole_items(file: BinaryIO, lines_per_item: int) -> tuple[int, int]:
    """The bytes of a file up to the end of its last whole item, and how many items these are."""
    size = items = 0
    file.seek(0)
    while len(lines := list(islice(file, lines_per_item))) == lines_per_item and lines[-1].endswith(b"\n"):
        size += sum(map(len, lines))
        items += 1
    return size, items


def progress(
    results: Iterable[T],
    source: Path | None,
    output: BulkOutput,
    *,
    unit: str = "line",
    count: Callable[[], int] | None = None,
) -> Iterator[T]:
    """Pass results on and show on standard error, if that is a terminal, how many, how fast, how long still.

    Nothing is shown where the results themselves go to a terminal.

    Args:
        results: One for each of the remaining items.
        source: The file of the items, whose lines are counted first: a second for millions of
            lines, where a count of bytes would run ahead of the results by a batch and show no
            rate that means anything. The end of standard input and of a pipe is not known.
        output: Where the results go, and how many are there already.
        unit: What a result is of.
        count: Counts the items in the place of the lines of ``source``.
    """
    from tqdm import tqdm

    hidden = output.file.isatty() or not sys.stderr.isatty()
    total = None
    if not hidden and count:
        total = count()
    elif not hidden and source and source.is_file():
        total = sum(1 for _ in read_byte_lines(source))
    # Results come a batch at a time: without miniters=1 the bar would skip whole batches.
    yield from tqdm(results, total=total, initial=output.done, unit=unit, miniters=1, disable=hidden)

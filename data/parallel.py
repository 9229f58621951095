"""Sentences and their translations: two line-aligned files, a TSV or JSONL, plain or gzip."""

import json
from collections.abc import Iterator
from pathlib import Path

from common.errors import InputError
from common.files import read_filled_lines, read_lines
from data.records import SentencePair


def read_pairs(
    source: Path, target: Path | None = None, *, source_language: str, target_language: str
) -> list[SentencePair]:
    """Read sentence pairs; those with an empty side are left out.

    Args:
        source: With ``target``, a text file of one sentence a line. Alone, a TSV
            of two columns or, if it is named ``.jsonl`` (or ``.jsonl.gz``),
            records ``{"source": ..., "target": ...}``.
        target: The translations, line by line.
        source_language: A code such as ``"de"``.
        target_language: A code such as ``"en"``.

    Raises:
        InputError: If a file cannot be read, the two files differ in their
            numbers of lines, a line is not a pair, or no pair is left.
    """
    sides = _read_one(source) if target is None else _read_two(source, target)
    pairs = [
        SentencePair(first.strip(), second.strip(), source_language, target_language)
        for first, second in sides
        if first.strip() and second.strip()
    ]
    if not pairs:
        raise InputError(f"{source} has no sentence pairs; every line is empty on at least one side")
    return pairs


def read_sentences(path: Path) -> list[str]:
    """Return the lines of a file, one sentence each; empty lines stay, so that lines keep their numbers.

    Raises:
        InputError: If the file cannot be read or is not UTF-8.
    """
    return list(read_lines(path))


def _read_two(source: Path, target: Path) -> Iterator[tuple[str, str]]:
    first, second = read_sentences(source), read_sentences(target)
    if len(first) != len(second):
        raise InputError(
            f"{source} has {len(first)} lines and {target} has {len(second)}; "
            f"line N of one must translate line N of the other"
        )
    return zip(first, second, strict=True)


def _read_one(path: Path) -> Iterator[tuple[str, str]]:
    is_jsonl = path.name.lower().removesuffix(".gz").endswith(".jsonl")
    for number, line in read_filled_lines(path):
        where = f"{path}, line {number}"
        yield _parse_record(line, where) if is_jsonl else _parse_columns(line, where)


def _parse_columns(line: str, where: str) -> tuple[str, str]:
    columns = line.split("\t")
    if len(columns) != 2:
        raise InputError(
            f"{where}: expected SOURCE<TAB>TARGET, got {len(columns)} columns; "
            f"keep two columns (cut -f1,2), or give the two languages as two files"
        )
    return columns[0], columns[1]


def _parse_record(line: str, where: str) -> tuple[str, str]:
    try:
        record = json.loads(line)
        source, target = record["source"], record["target"]
    except (ValueError, TypeError, KeyError):
        source = target = None
    if not isinstance(source, str) or not isinstance(target, str):
        raise InputError(f'{where}: expected a JSON record {{"source": "...", "target": "..."}}')
    return source, target

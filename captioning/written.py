"""Captions that are in a file already, one for each photograph."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePath

from common.errors import InputError
from common.files import read_filled_lines, read_lines
from data.records import CaptionedImage


def read_written(path: Path, records: Sequence[CaptionedImage], images: Path) -> list[str | InputError]:
    """The caption of each photograph, or why it has none.

    Args:
        path: Lines in the order of the photographs, or JSONL as ``inwords caption`` writes it:
            ``{"image": "photos/a.jpg", "caption": "a dog"}``, in any order and of more photographs too.
        records: The photographs.
        images: The folder that their names are relative to.

    Raises:
        InputError: The file cannot be read, has a bad line, or lacks one of the photographs.
    """
    first = next((line for _, line in read_filled_lines(path)), "")
    if first.lstrip().startswith("{"):
        return _in_records(path, [_name(record, images) for record in records])
    lines = list(islice(read_lines(path), len(records) + 1))
    if len(lines) != len(records):
        count = f"{len(lines)} lines" if len(lines) < len(records) else "more lines"
        raise InputError(
            f"{path} has {count} for {len(records)} photographs; give one line for each, "
            f"or JSONL with image and caption"
        )
    return list(lines)


def _name(record: CaptionedImage, images: Path) -> str:
    """What the references call a photograph."""
    is_below = record.image.is_relative_to(images)
    return (record.image.relative_to(images) if is_below else record.image).as_posix()


def _in_records(path: Path, names: Sequence[str]) -> list[str | InputError]:
    found: dict[str, str | InputError] = {}
    wanted = frozenset(names)
    for number, line in read_filled_lines(path):
        where = f"{path}, line {number}"
        image, caption = _record(line, where)
        # The same folder may have been called otherwise when they were captioned.
        name = next((end for end in _ends(image) if end in wanted), None)
        if name in found:
            raise InputError(f"{where}: {image} has a caption already; leave one of them out")
        if name is not None:
            found[name] = caption
    if missing := [name for name in names if name not in found]:
        raise InputError(
            f"{path} has no caption of {missing[0]} ({len(missing)} of {len(names)} photographs have none); "
            f"name those to measure on as --names"
        )
    return [found[name] for name in names]


def _record(line: str, where: str) -> tuple[str, str | InputError]:
    """The image of a line of JSON, and its caption or why it has none."""
    try:
        record = json.loads(line)
    except ValueError as error:
        raise InputError(f'{where}: expected a JSON record {{"image", "caption"}} ({error})') from None
    values = record if isinstance(record, dict) else {}
    image, caption, problem = (values.get(name) for name in ("image", "caption", "error"))
    if isinstance(image, str) and isinstance(caption, str):
        return image, caption
    if isinstance(image, str) and isinstance(problem, str):
        return image, InputError(problem)
    raise InputError(f"{where}: expected a record whose 'image' and 'caption' are texts")


def _ends(image: str) -> Iterator[str]:
    """A path without ever more of its folders."""
    parts = PurePath(image).parts
    return (PurePath(*parts[start:]).as_posix() for start in range(len(parts)))

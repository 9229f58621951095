"""Photographs and their captions, from the files that such collections come in.

- Flickr8k token file: ``name.jpg#0<TAB>caption``, one caption a line.
- COCO annotations: JSON with ``images`` (``id``, ``file_name``) and ``annotations``
  (``image_id``, ``caption``).
- Karpathy's splits: JSON with ``images`` (``filename``, sometimes ``filepath``,
  ``split``, ``sentences`` with ``raw``).
- Table: CSV or TSV whose header names ``image`` and ``caption``, or a TSV of just
  these two columns without a header.
- JSONL: ``{"image": "a.jpg", "caption": "..."}`` or ``"captions": ["...", "..."]``.
- Folder: ``a.txt`` beside ``a.jpg``, each line a caption.

`read_captions` tells them apart. The reader of a format yields (image name, caption) pairs in
the order of the file, which may be compressed with gzip. Captions come as they were written;
`data.tidy.tidy_caption` makes tokenised ones read like prose.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

from common.errors import InputError
from common.files import read_filled_lines, read_json, read_lines
from data.captioned_folder import read_captioned_folder
from data.records import CaptionedImage

_TOKEN_LINE = re.compile(r"(?P<name>[^\t]+)#\d+\t(?P<caption>[^\t]*)")
_KNOWN = "a Flickr8k token file, COCO or Karpathy JSON, CSV, TSV, JSONL, or a folder of images and .txt files"
_Kind = TypeVar("_Kind")


def read_captions(
    references: Path,
    images: Path,
    *,
    names: Path | None = None,
    split: str | None = None,
    language: str = "en",
) -> list[CaptionedImage]:
    """Read the captions of photographs from a file of any supported format.

    Args:
        references: The file of captions, or the folder of images and texts.
        images: The folder that the names of images are relative to. Whether the
            images exist is not looked at; see `missing_images`.
        names: A file with one image name a line: only these images, in this
            order (a repeated name counts once). Without it, all images in the
            order of their first caption.
        split: A split of a Karpathy file, such as ``"val"``; all of them without.
        language: The language of the captions.

    Raises:
        InputError: If a file cannot be read, has a bad line or no captions, is
            of no known format, has no such split, or if one of `names` has no
            captions.
    """
    captions: dict[str, list[str]] = {}
    for name, caption in read_named_captions(references, split):
        captions.setdefault(name, []).append(caption)
    if not captions:
        raise InputError(f"{references} has no captions; expected {_KNOWN}")
    wanted: Iterable[str] = captions
    if names is not None:
        wanted = _read_names(names, captions, references)
    return [CaptionedImage(images / name, tuple(captions[name]), language) for name in wanted]


def missing_images(records: Iterable[CaptionedImage]) -> list[Path]:
    """Return the paths of those images that are not files, in order."""
    return [record.image for record in records if not record.image.is_file()]


def read_token_file(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (image name, caption) from a Flickr8k token file.

    Raises:
        InputError: For a line that is not ``name#number<TAB>caption``.
    """
    for number, line in read_filled_lines(path):
        match = _TOKEN_LINE.fullmatch(line)
        if match is None:
            raise InputError(f"{path}, line {number}: expected NAME#NUMBER<TAB>CAPTION, got {line[:60]!r}")
        yield _pair(match["name"], match["caption"], f"{path}, line {number}")


def read_table(path: Path, delimiter: str) -> Iterator[tuple[str, str]]:
    """Yield (image name, caption) from a CSV (delimiter comma) or TSV (delimiter tab) file.

    CSV follows the usual quoting and needs a header. In TSV quotes are plain
    characters, and without a header there are two columns, image and caption.

    Raises:
        InputError: For a missing header, a bad row or a quote never closed.
    """
    lines = (line + "\n" for line in read_lines(path))
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    rows = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    columns: list[str] = []
    try:
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if not columns:
                columns, is_header = _columns(row, delimiter, where)
                if is_header:
                    continue
            if len(row) != len(columns):
                raise InputError(
                    f"{where}: expected {len(columns)} columns ({', '.join(columns)}), got {len(row)}"
                )
            yield _pair(row[columns.index("image")], row[columns.index("caption")], where)
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}; check the quotes") from None


def read_jsonl(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (image name, caption) from a file with one JSON record a line.

    Raises:
        InputError: For a line that is not JSON or lacks a field.
    """
    for number, line in read_filled_lines(path):
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InputError(f'{where}: expected a JSON record {{"image", "caption"}} ({error})') from None
        name = _field(record, "image", str, where)
        if "captions" in record:
            captions = _field(record, "captions", list, where)
        else:
            captions = [_field(record, "caption", str, where)]
        for caption in captions:
            yield _pair(name, caption, where)


def read_coco(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (image name, caption) from a COCO annotation file, in the order of its annotations.

    Raises:
        InputError: For a record that lacks a field or names an unknown image.
    """
    document = read_json(path)
    file_names: dict[int | str, str] = {}
    for index, image in enumerate(_field(document, "images", list, str(path))):
        where = f"{path}, images[{index}]"
        file_names[_identity(image, "id", where)] = _field(image, "file_name", str, where)
    for index, annotation in enumerate(_field(document, "annotations", list, str(path))):
        where = f"{path}, annotations[{index}]"
        identity = _identity(annotation, "image_id", where)
        if identity not in file_names:
            raise InputError(f"{where}: image_id {identity!r} is not among the file's images")
        yield _pair(file_names[identity], _field(annotation, "caption", str, where), where)


def read_karpathy(path: Path, split: str | None = None) -> Iterator[tuple[str, str]]:
    """Yield (image name, caption) from a Karpathy split file; of one split, or of all.

    Raises:
        InputError: For a record that lacks a field, or a split that is not there.
    """
    splits = set()
    for index, image in enumerate(_field(read_json(path), "images", list, str(path))):
        where = f"{path}, images[{index}]"
        splits.add(_field(image, "split", str, where))
        if split not in (None, image["split"]):
            continue
        folder = f"{_field(image, 'filepath', str, where)}/" if "filepath" in image else ""
        name = folder + _field(image, "filename", str, where)
        for sentence in _field(image, "sentences", list, where):
            yield _pair(name, _field(sentence, "raw", str, where), where)
    if split is not None and split not in splits:
        raise InputError(f"{path} has no split {split!r}; it has {', '.join(sorted(splits)) or 'none'}")


def read_named_captions(path: Path, split: str | None = None) -> Iterator[tuple[str, str]]:
    """Return what the file's reader yields, chosen by its name and, if that is not enough, its first line."""
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    first = "" if path.is_dir() else next((line for _, line in read_filled_lines(path)), "")
    if path.is_dir():
        reader = read_captioned_folder(path)
    elif suffix == ".json":
        if isinstance(document := read_json(path), dict) and "annotations" not in document:
            return read_karpathy(path, split)
        reader = read_coco(path)
    elif first.lstrip().startswith("{"):
        reader = read_jsonl(path)
    elif suffix != ".csv" and _TOKEN_LINE.fullmatch(first):
        reader = read_token_file(path)
    elif suffix != ".csv" and "\t" in first:
        reader = read_table(path, "\t")
    elif suffix == ".csv" or "," in first:
        reader = read_table(path, ",")
    else:
        raise InputError(f"{path} is of no known format; expected {_KNOWN}")
    if split is not None:
        raise InputError(f"{path} has no splits to choose {split!r} from; only Karpathy JSON has them")
    return reader


def _columns(first_row: list[str], delimiter: str, where: str) -> tuple[list[str], bool]:
    """Return the names of a table's columns, and whether its first row is what names them."""
    names = [cell.strip().lower() for cell in first_row]
    if {"image", "caption"} <= set(names):
        return names, True
    if delimiter == ",":
        raise InputError(f"{where}: expected a header with columns image and caption, got {first_row[:5]}")
    return ["image", "caption"], False


def _read_names(path: Path, captions: dict[str, list[str]], references: Path) -> Iterator[str]:
    """Yield each name of the list once, having checked that it has captions."""
    seen = set()
    for number, line in read_filled_lines(path):
        name = line.strip()
        if name not in captions:
            raise InputError(f"{path}, line {number}: {name!r} has no captions in {references}")
        if name not in seen:
            seen.add(name)
            yield name
    if not seen:
        raise InputError(f"{path} has no names; expected one image name a line")


def _pair(name: str, caption: object, where: str) -> tuple[str, str]:
    if not isinstance(caption, str):
        raise InputError(f"{where}: expected a caption of type str, got {caption!r}")
    if not name.strip() or not caption.strip():
        raise InputError(
            f"{where}: the {'caption' if name.strip() else 'image name'} is empty; remove or fill it"
        )
    return name.strip(), caption.strip()


def _field(record: object, name: str, kind: type[_Kind], where: str) -> _Kind:
    """Return a field of a JSON object, or say what was expected."""
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kind):
        raise InputError(f"{where}: expected an object whose {name!r} is of type {kind.__name__}")
    return value


def _identity(record: object, name: str, where: str) -> int | str:
    """Return an identity, which is a number in COCO's own files and a string in some others."""
    value = record.get(name) if isinstance(record, dict) else None
    return value if isinstance(value, int | str) else _field(record, name, int, where)

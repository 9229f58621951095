"""The photographs that files, folders and patterns name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from captioning.formats import suffixes
from captioning.photographs import printable
from common.errors import InputError

Found = tuple[Path, InputError | None]
"""A photograph, and why there is none at that path if that is known before reading it."""


def find_photographs(paths: Iterable[Path]) -> Iterator[Found]:
    """Yield the photographs that the paths name, in the order given.

    A file is yielded whatever its suffix, and so is a path that does not exist: reading
    it reports the error. A folder yields the pictures below it, by their suffixes, in
    sorted order, without hidden files and linked folders; only the names of one folder and of those
    around it are in memory. A folder without a picture, or one that cannot be listed, comes with
    its error. A pattern that the shell left as it was is expanded.
    """
    for path in paths:
        expanded = [] if os.path.lexists(path) else sorted(glob.glob(str(path), recursive=True))
        for match in map(Path, expanded or [str(path)]):
            yield from _in_folder(match) if os.path.isdir(match) else [(match, None)]


def _in_folder(folder: Path) -> Iterator[Found]:
    """The pictures below a folder, sorted, or what is wrong with it."""
    found = False
    for path, error in _below(folder):
        if error or path.suffix.lower() in suffixes():
            found = True
            yield path, error
    if not found:
        problem = "no picture in this folder; give one with JPEG or PNG files"
        yield folder, InputError(f"{printable(folder)}: {problem}")


def _below(folder: Path) -> Iterator[Found]:
    """All files below a folder, sorted, without hidden ones and linked folders."""
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        yield folder, InputError(f"{printable(folder)}: cannot list this folder; check its permissions")
        return
    for name in names:
        path = folder / name
        if not os.path.isdir(path):
            yield path, None
        elif not os.path.islink(path):
            yield from _below(path)

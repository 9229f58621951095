import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from captioning.folders import find_photographs
from captioning.photographs import read_photograph
from common.errors import InputError


def paths(*given: Path) -> list[Path]:
    found = list(find_photographs(given))
    assert [error for _, error in found if error] == []
    return [path for path, _ in found]


def test_a_folder_is_walked_in_order_and_given_files_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    pictures = ["a/z.PNG", "b.jpeg", "c/d/e.webp", "f.gif", "g.tiff", "h.HEIC", "i.avif"]
    others = ["notes.txt", ".hidden.jpg", ".thumbnails/x.jpg", "film.mpg", "page.eps", "table.h5", "h.pdf"]
    for name in pictures + others:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "again").symlink_to(folder, target_is_directory=True)
    given = [tmp_path / "no suffix", folder, folder / "notes.txt", tmp_path / "missing.jpg"]
    assert paths(*given) == [given[0], *(folder / name for name in pictures), *given[2:]]


def test_a_pattern_is_expanded(tmp_path: Path) -> None:
    for name in ["b.jpg", "a.jpg", "a.png", "[c].jpg", "sub/d.jpg"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def names(pattern: str) -> list[str]:
        return [path.relative_to(tmp_path).as_posix() for path in paths(tmp_path / pattern)]

    assert names("?.jpg") == ["a.jpg", "b.jpg"]
    assert names("[c].jpg") == ["[c].jpg"]  # a file of that very name comes first
    assert names("**/*.jpg") == ["[c].jpg", "a.jpg", "b.jpg", "sub/d.jpg"]
    assert names("s*") == ["sub/d.jpg"]
    assert names("x*.jpg") == ["x*.jpg"]  # matches nothing: reading it reports the error


def test_a_folder_is_walked_no_further_than_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "first.jpg").touch()
    (tmp_path / "b").mkdir()
    found = find_photographs([tmp_path])
    assert next(found) == (tmp_path / "a" / "first.jpg", None)
    (tmp_path / "b" / "late.jpg").touch()
    assert list(found) == [(tmp_path / "b" / "late.jpg", None)]


def test_a_folder_without_pictures_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "empty\n").mkdir()
    (tmp_path / "empty\n" / "notes.txt").touch()
    (none, error), last = find_photographs([tmp_path / "empty\n", tmp_path / "last.jpg"])
    assert none == tmp_path / "empty\n"
    assert str(error) == f"{str(none)!r}: no picture in this folder; give one with JPEG or PNG files"
    assert last == (tmp_path / "last.jpg", None)


@contextmanager
def as_anybody() -> Iterator[Path]:
    """A folder that everybody may use, and no more rights than everybody has."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        user = os.geteuid()
        if user == 0:  # who may read everything
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            os.seteuid(user)


@pytest.mark.skipif(os.name != "posix", reason="folders are closed in another way there")
def test_what_may_not_be_read_does_not_stop_the_others() -> None:
    with as_anybody() as folder:
        (folder / "b").mkdir()
        for name in ("a.png", "b/c.png", "d.png"):
            (folder / name).touch()
        (folder / "a.png").chmod(0)
        (folder / "b").chmod(0)
        try:
            found = list(find_photographs([folder]))
            assert [path.relative_to(folder).as_posix() for path, _ in found] == ["a.png", "b", "d.png"]
            assert str(found[1][1]) == f"{folder / 'b'}: cannot list this folder; check its permissions"
            with pytest.raises(InputError, match=r"a\.png: the file may not be read; check its permissions"):
                read_photograph(folder / "a.png")
        finally:
            (folder / "b").chmod(0o700)

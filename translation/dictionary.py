"""Rare words with what they are in translations, which a model reads beside them.

A word that came ten times a network has half forgotten: of "cotton" it makes "cotonon". But which word the
translations of those ten sentences have in common can be counted, and a network that has learned to look at
what is written in braces reads "a truck with cotton{ coton}". Source: lexicons for rare words, Arthur et al.,
2016, arXiv:1606.02006; translations beside the words of the source, Dinu et al., 2019, arXiv:1906.01105.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from common.errors import InputError
from translation.placeholders import PLACEHOLDERS

FILE = "dictionary.zip"

BRACES = "{}"
"""What hints stand in: a model that has learned to read them reads no others."""

_WORD = re.compile(rf"[^\W\d_{PLACEHOLDERS}]+")
_HINT = re.compile(r"\{ [^{}]*\}")


def words_of(text: str) -> list[re.Match[str]]:
    """The words of a text, which are made of letters, and where they are."""
    return list(_WORD.finditer(text))


def hinted(text: str, translations: Mapping[str, str]) -> str:
    """The text with hints: each word that has a translation, in lower case, is followed by it, in braces."""
    parts, end = [], 0
    for word in words_of(text) if translations else ():
        if translation := translations.get(word[0].lower()):
            parts.append(f"{text[end : word.end()]}{{ {translation}}}")
            end = word.end()
    return "".join([*parts, text[end:]])


def without_hints(text: str) -> str:
    """A text as it was before it was :func:`hinted`, if it had no braces itself."""
    return _HINT.sub("", text)


def outside_hints(text: str, change: Callable[[str], str]) -> str:
    """A hinted text in which all but the hints is changed."""
    hints = [*_HINT.findall(text), ""]
    return "".join(change(part) + hint for part, hint in zip(_HINT.split(text), hints, strict=True))


class Dictionary:
    """Rare words, in lower case, and their translations, as they are written, of each direction."""

    def __init__(self, directions: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._directions = dict(directions or {})
        self._file, self._path = b"", Path(FILE)

    def of(self, source: str, target: str) -> Mapping[str, str]:
        """The translations of one direction; none if it is not on record.

        Raises:
            InputError: What the file has of it is damaged.
        """
        direction = f"{source}-{target}"
        if direction not in self._directions and self._file:
            self._directions[direction] = self._read(direction)
        return self._directions.get(direction, {})

    def _read(self, direction: str) -> dict[str, str]:
        name = f"{direction}.tsv"
        try:
            with ZipFile(io.BytesIO(self._file)) as file:
                lines = file.read(name).decode().splitlines() if name in file.namelist() else []
        except (BadZipFile, zlib.error, UnicodeDecodeError):
            raise self._damaged() from None
        columns = [line.split("\t") for line in lines]
        for number, each in enumerate(columns, start=1):
            if len(each) != 2:
                raise InputError(
                    f"{self._path}, {name}, line {number}: expected WORD<TAB>TRANSLATION; mend or remove it"
                )
        return dict(columns)

    def __bool__(self) -> bool:
        return bool(self._file or self._directions)

    def __len__(self) -> int:
        return sum(len(self.of(*direction.split("-"))) for direction in self.directions())

    def directions(self) -> list[str]:
        """All that are on record."""
        if not self._file:
            return sorted(self._directions)
        with ZipFile(io.BytesIO(self._file)) as file:
            return sorted(name.removesuffix(".tsv") for name in file.namelist())

    def save(self, directory: Path) -> None:
        """Write :data:`FILE` into a model directory, a TSV for each direction, unless there is nothing."""
        if not self.directions():
            return
        with ZipFile(directory / FILE, "w") as file:
            for direction in self.directions():
                translations = sorted(self.of(*direction.split("-")).items())
                text = "".join(f"{word}\t{translation}\n" for word, translation in translations)
                # Of no date, so that the same model is the same file.
                file.writestr(ZipInfo(f"{direction}.tsv"), text, ZIP_DEFLATED, compresslevel=9)

    @classmethod
    def load(cls, directory: Path) -> Dictionary:
        """What a model directory has, a direction at a time when it is wanted.

        Raises:
            InputError: The file is damaged.
        """
        dictionary, path = cls(), directory / FILE
        if path.exists():
            dictionary._file, dictionary._path = path.read_bytes(), path
            try:
                ZipFile(io.BytesIO(dictionary._file)).close()
            except BadZipFile:
                raise dictionary._damaged() from None
        return dictionary

    def _damaged(self) -> InputError:
        return InputError(f"{self._path}: damaged; copy the model again or train it anew")

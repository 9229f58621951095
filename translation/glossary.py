"""A person's own words and how they are to be translated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from common.errors import InputError
from data.parallel import read_pairs
from translation.dictionary import words_of

_OF_ADDRESSES = "./\\:@_"


def read_glossary(path: Path) -> dict[str, str]:
    """Words, in lower case, and their translations, from a TSV of two columns.

    Raises:
        InputError: The file cannot be read, or has what is no single word, or no translation, in a line.
    """
    pairs = read_pairs(path, source_language="", target_language="")
    for pair in pairs:
        if [each[0] for each in words_of(pair.source)] != [pair.source]:
            raise InputError(
                f"{path}: {pair.source!r} is not one word of letters; give one, and its translation"
            )
    return {pair.source.lower(): pair.target for pair in pairs}


def as_given(carried: str, glossary: Mapping[str, str]) -> str:
    """What is carried over, with the translations that a glossary has of its words; addresses stay."""
    if any(character.isdecimal() or character in _OF_ADDRESSES for character in carried):
        return carried
    return re.sub(r"\w+", lambda word: glossary.get(word[0].lower(), word[0]), carried)

"""A person's own words and how they are to be translated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from common.errors import InputError
from data.parallel import read_pairs
from translation.dictionary import BRACES, Dictionary, words_of


def read_glossary(path: Path) -> dict[str, str]:
    """Words, in lower case, and their translations, from a TSV of two columns.

    Raises:
        InputError: The file cannot be read, or has what is no word or no translation in a line.
    """
    pairs = read_pairs(path, source_language="", target_language="")
    for word, translation in ((pair.source, pair.target) for pair in pairs):
        if [each[0] for each in words_of(word)] != [word]:
            raise InputError(
                f"{path}: {word!r} is not one word of letters; give one word and its translation"
            )
        if set(translation) & set(BRACES):
            raise InputError(f"{path}: {translation!r}, for {word!r}, has braces in it; leave them out")
    return {pair.source.lower(): pair.target for pair in pairs}


def with_glossary(
    dictionary: Dictionary, languages: list[str], target: str, words: Mapping[str, str]
) -> Dictionary:
    """A model's dictionary with a person's words, which it is to read in any of ``languages``.

    Raises:
        InputError: The model has no dictionary: it has not learned to read hints.
    """
    if not dictionary:
        raise InputError("this model has not learned to follow a glossary; train it with model.dictionary")
    for language in languages:
        dictionary = dictionary.with_words(language, target, words)
    return dictionary

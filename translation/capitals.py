"""Capitals that say more than where a sentence begins: they are read as words are usually written."""

import re
from collections.abc import Callable
from itertools import groupby

from translation.placeholders import PLACEHOLDERS

LETTER = rf"[^\W_{PLACEHOLDERS}]"
"""Matches a letter or a digit, but no placeholder."""

_WORD = re.compile(rf"{LETTER}+")


def is_shouted(text: str) -> bool:
    """Whether two words or five letters, and all there are, are in capitals."""
    words = [word for word in text.split() if any(map(str.isalpha, word))]
    return text.isupper() and (len(words) > 1 or sum(map(str.isalpha, text)) >= 5)


def is_heading(text: str) -> bool:
    """Whether past the first of at least four words most, and all but short ones, begin with a capital."""
    others = _WORD.findall(text)[1:]
    large = [word for word in others if word[0].isupper()]
    return (
        len(others) >= 3
        and len(large) * 3 >= len(others) * 2
        and not any(word[0].islower() and len(word) > 4 for word in others)
    )


def in_usual_case(text: str, usual: Callable[[str], str]) -> str:
    """Each word as ``usual`` gives it, which takes it in lower case."""
    return _WORD.sub(lambda word: usual(word[0].lower()), text)


def without_stress(text: str, knows: Callable[[str], bool], usual: Callable[[str], str]) -> str:
    """Known words that are stressed by capitals, as in "das ist NICHT wahr", as they are usually written.

    At least five letters in a row of such words: acronyms are mostly shorter.
    """
    parts = []
    for loud, words in groupby(text.split(" "), str.isupper):
        part = " ".join(words)
        if loud and sum(map(str.isalpha, part)) >= 5 and all(map(knows, _WORD.findall(part.lower()))):
            part = in_usual_case(part, usual)
        parts.append(part)
    return " ".join(parts)


def known_beginning(text: str, pieces: Callable[[str], int]) -> str:
    """The text with a small first letter if that makes one piece of its first word, of several.

    So the model reads "then he slept", of which it knows the first word, and not "Th-en he slept".

    Args:
        text: A sentence.
        pieces: How many a model reads a word in.
    """
    first = _WORD.match(text)
    if first is None or first[0][1:].upper() == first[0][1:] != "" or not first[0][0].isupper():
        return text
    small = first[0].lower()
    return small + text[first.end() :] if pieces(small) == 1 < pieces(first[0]) else text


def begun(text: str) -> str:
    """The text with a capital for its first letter."""
    first = next((place for place, character in enumerate(text) if character.isalpha()), 0)
    return text[:first] + text[first : first + 1].upper() + text[first + 1 :]

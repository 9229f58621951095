"""Rare words in the place of others: so hints are learned to be followed, whatever they say."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from data.records import SentencePair
from translation.dictionary import Dictionary

_HINTED = re.compile(r"(?P<word>\w+)\{ (?P<translation>[^{}]+)\}")


class Swaps:
    """Puts rare words in the place of others on both sides of pairs.

    After Fadaee et al., 2017, arXiv:1705.00440, whose words come from a language model; ours only end alike.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._alike: dict[tuple[str, str], dict[tuple[str, str, bool], list[tuple[str, str]]]] = {}

    def swapped(self, pair: SentencePair, random: Random) -> SentencePair:
        """The pair with another word for one of those whose hint comes once in the target, if any does."""
        found = [
            match
            for match in _HINTED.finditer(pair.source)
            if len(re.findall(_whole(match["translation"]), pair.target)) == 1
        ]
        if not found:
            return pair
        match = random.choice(found)
        groups = self._groups(pair.source_language, pair.target_language)
        group = groups.get(_ending(match["word"].lower(), match["translation"]))
        if not group:
            return pair
        word, translation = random.choice(group)
        word = word.capitalize() if match["word"][0].isupper() else word
        source = f"{pair.source[: match.start()]}{word}{{ {translation}}}{pair.source[match.end() :]}"
        target = re.sub(_whole(match["translation"]), lambda _: translation, pair.target)
        return replace(pair, source=source, target=target)

    def _groups(self, source: str, target: str) -> dict[tuple[str, str, bool], list[tuple[str, str]]]:
        """The words of a direction, those together that end alike."""
        if (source, target) not in self._alike:
            groups: dict[tuple[str, str, bool], list[tuple[str, str]]] = {}
            for word, translation in self._dictionary.of(source, target).items():
                groups.setdefault(_ending(word, translation), []).append((word, translation))
            self._alike[source, target] = groups
        return self._alike[source, target]


def _ending(word: str, translation: str) -> tuple[str, str, bool]:
    return word[-2:], translation[-1:], translation[:1].isupper()


def _whole(word: str) -> str:
    return rf"(?<!\w){re.escape(word)}(?!\w)"

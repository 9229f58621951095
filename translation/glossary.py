"""A person's own terms and how they are to be translated."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from data.parallel import read_pairs
from translation.verbatim import LITERAL


class Glossary:
    """Terms, of one word or several, and the translations that a person wants for them.

    Capitals make no difference, nor do curly apostrophes or how much white space is between words.
    """

    def __init__(self, terms: Mapping[str, str] | None = None) -> None:
        self._terms = {_folded(term): translation for term, translation in (terms or {}).items()}
        longest_first = "|".join(sorted(map(_pattern, self._terms), key=len, reverse=True))
        # What stands in an address is no term, unless all of it is one.
        pattern = rf"{LITERAL}|(?<![\w@])(?:{longest_first})(?![\w@])"
        # Without terms, as mostly, it would be compiled for nothing.
        self._pattern = re.compile(pattern, re.IGNORECASE) if self._terms else None

    @classmethod
    def read(cls, path: Path) -> Glossary:
        """Read a TSV of two columns, or JSONL; raises InputError as :func:`data.parallel.read_pairs` does."""
        pairs = read_pairs(path, source_language="", target_language="")
        return cls({pair.source: pair.target for pair in pairs})

    def marked(self, sentence: str) -> tuple[str, dict[int, str]]:
        """The sentence with a character for each term, which no model knows, and so carries over.

        Returns:
            The sentence, and a table for ``str.translate`` from these characters to the terms' translations.
        """
        if self._pattern is None:
            return sentence, {}
        sentence = unicodedata.normalize("NFC", sentence)
        unused = (code for code in count(0x100000) if chr(code) not in sentence)
        translations: dict[int, str] = {}

        def mark(found: re.Match[str]) -> str:
            translation = self._terms.get(_folded(found[0]))
            if translation is None:
                return found[0]
            code = next(unused)
            translations[code] = translation
            return chr(code)

        return self._pattern.sub(mark, sentence), translations

    def translated(self, text: str) -> str:
        """A text with its terms translated, and nothing else."""
        marked, translations = self.marked(text)
        return marked.translate(translations)


def _folded(term: str) -> str:
    return " ".join(unicodedata.normalize("NFC", term).lower().replace("’", "'").split())


def _pattern(folded: str) -> str:
    return r"\s+".join(map(re.escape, folded.split())).replace("'", "['’]")

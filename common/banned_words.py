"""Words that are not to be written, whatever tokens they could be put together from."""

import codecs
import re
from collections.abc import Sequence


class BannedWords:
    """Tells which tokens would complete a banned word.

    A word is banned where it begins as a word and ends with a token: of ``cat``, ``Cat`` and
    ``CAT`` none is written, nor is ``cat`` as the first part of ``catbird``; but ``cats``, if that
    is one token, and ``concatenate`` are. It may be several words, however wide the space between
    them. What it is looked for in is text, so it does not matter how that is cut into tokens.
    """

    def __init__(self, words: Sequence[str], spellings: Sequence[bytes]) -> None:
        """Ban ``words``; ``spellings`` are the bytes of each token, none of special ones."""
        self._words = tuple(dict.fromkeys(_fold(word.strip()) for word in words))
        self._spellings = spellings
        self._always = [token for token in range(len(spellings)) if self._holds_one(token)]
        self._completing: dict[tuple[str, bytes, bool], list[int]] = {}
        # No token has less than a byte, no character more than four; one more stands before the word.
        self._reach = 4 * (1 + max(map(len, self._words), default=0))

    def __call__(self, tokens: Sequence[int]) -> set[int]:
        """The tokens that may not come after ``tokens``."""
        data = b"".join(self._spellings[token] for token in tokens[-self._reach :])
        text, used = codecs.utf_8_decode(data, "surrogateescape", False)
        text, half = _fold(text), data[used:]  # half a character, perhaps
        found = set(self._always)
        for word in self._words:
            if half:  # which stays half a character, if a word begins after it
                found.update(self._tokens_completing(word, b"", False))
            for length in range(len(word)):
                begun, rest = word[:length], word[length:]
                if text.endswith(begun) and not _within_word(text + rest, len(text) - length):
                    found.update(self._tokens_completing(rest, half, text.endswith(" ")))
        return found

    def _holds_one(self, token: int) -> bool:
        """Whether a word comes in the midst of a token, so that what is before does not matter."""
        text = _fold(_text(self._spellings[token]))
        return any(_found(text, word, 1) for word in self._words)

    def _tokens_completing(self, rest: str, half: bytes, spaced: bool) -> list[int]:
        """The tokens that ``rest`` of a word comes with, after half a character or a space."""
        key = rest, half, spaced
        if key not in self._completing:
            found = []
            for token, spelling in enumerate(self._spellings):
                text = _fold(_text(half + spelling))
                text = text.lstrip(" ") if spaced else text
                if spelling and text.startswith(rest) and not _within_word(text, len(rest)):
                    found.append(token)
            self._completing[key] = found
        return self._completing[key]


def holds(text: str, word: str) -> bool:
    """Whether ``text`` has the word in it as a word."""
    return _found(_fold(text), _fold(word), 0)


def _found(text: str, word: str, start: int) -> bool:
    """Whether the word stands in the text from the place ``start`` on, both as :func:`_fold` gives them."""
    place = text.find(word, start)
    while place >= 0:
        if not _within_word(text, place) and not _within_word(text, place + len(word)):
            return True
        place = text.find(word, place + 1)
    return False


def _within_word(text: str, place: int) -> bool:
    """Whether a word goes on from the character before ``place`` to that at it."""
    around = text[max(0, place - 1) : place + 1]
    return 0 < place < len(text) and all(each.isalnum() or each == "_" for each in around)


def _fold(text: str) -> str:
    """The text without capitals, all white space as single spaces."""
    return re.sub(r"\s+", " ", text.casefold())


def _text(spelling: bytes) -> str:
    """What bytes say; of half a character nothing that is a letter."""
    return spelling.decode("utf-8", "surrogateescape")

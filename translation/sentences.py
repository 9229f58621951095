"""Text as people have it: its sentences, and between them what is not to be translated."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from translation.abbreviations import HABITS, Habits
from translation.verbatim import BLOCK, EMOJI, INLINE, LITERAL, MARKUP, TAG, is_ordinary


@dataclass(frozen=True)
class Piece:
    """A stretch of a text; joined, the pieces of a text are that text.

    Attributes:
        text: As it stands there; a sentence has no white space around it.
        is_sentence: Whether it is to be translated.
    """

    text: str
    is_sentence: bool


def split_text(text: str, language: str) -> list[Piece]:
    """Split a text into its sentences and what stands between them.

    Line ends, tabs, the bars of a Markdown table and HTML's blocks always end a sentence. Not
    sentences are white space, bullets, list numbers, ``>`` and ``#``, emoji and markup around a
    sentence, fenced code, and whatever has no letter outside of addresses and markup.

    Args:
        text: Any string, with any line ends.
        language: ``"en"``, ``"de"``, ``"fr"`` or ``"cs"``, for its abbreviations; others have none.
    """
    pieces: list[Piece] = []
    start = 0
    for fence in _FENCE.finditer(text):
        pieces += _split_lines(text[start : fence.start()], language)
        pieces.append(Piece(fence[0], is_sentence=False))
        start = fence.end()
    pieces += _split_lines(text[start:], language)
    return _joined(pieces)


def cut_sentence(sentence: str, fits: Callable[[str], bool]) -> list[Piece]:
    """Cut a sentence in halves, and those again, until each part fits.

    Cuts are near the middle: after ``;``, ``:`` or a dash if there is one, else after a comma,
    else at white space, at last between any two characters. Takes O(n log n) for a length of n.

    Args:
        sentence: Of any length.
        fits: Whether a text is short enough; a character alone that is not becomes no sentence.
    """
    return _joined(piece for part in _halved(sentence, fits) for piece in _trimmed(part, fits))


_FENCE = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(?:.*\n)*?[ \t]*\1[^\n]*$", re.MULTILINE)
_MONTHS = (
    "januar|jänner|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember|"
    "ledna|února|března|dubna|května|června|července|srpna|září|října|listopadu|prosince"
)
_MARKS = re.compile(
    r"\s*(?:(?:>|#{1,6}(?=\s)|[-*+•◦‣▪●○■□·–—](?=\s)|\[[ xX]\](?=\s)|"
    r"\(?(?:\d{1,3}|[A-Za-z]|[ivx]{2,4})\)(?=\s)|"
    rf"\d{{1,3}}\.(?=\s)(?!\s+(?:{_MONTHS})\b))\s*)*",
    re.IGNORECASE,
)
_BREAKS = re.compile(rf"(\t|{BLOCK})")
_BARS = re.compile(rf"(\t|\||{BLOCK})")
_AROUND = re.compile(rf"(?:\s|{EMOJI}|{INLINE})+")
_LITERALS = re.compile(rf"{MARKUP}|{LITERAL}")
_CLOSING = rf"(?:[\"'”“’‘»«›‹)\]}}*_`]|{TAG})"
_STOP = re.compile(rf"(?<![.!?…‽])([.!?…‽]++){_CLOSING}*+(?=\s)")
# « Vraiment ? » has a space before its last mark.
_FRENCH_STOP = re.compile(rf"(?<![.!?…‽])([.!?…‽]++)(?:{_CLOSING}|\s?»)*+(?=\s)")
_OPENING = re.compile(rf"(?:[\s\"'“”„‟‘‚«»‹›(\[{{¿¡*_–—-]|{TAG})*")
# The word before a full stop with the parts of its abbreviation: "z. B" of "z. B.".
_LAST_WORD = re.compile(r"(?:(?<!\w)\w{1,3}\.\s?)*[\w-]+$")
# Not another initial: "J. A. Smith".
_WORD = re.compile(r"\w+(?!\w|\.)")
_NEVER_FIRST = ".,;:!?…)]}%"
_ROMAN = re.compile(r"[IVXLC]{2,}")


def _split_lines(text: str, language: str) -> Iterator[Piece]:
    for line in text.splitlines(keepends=True):
        start = _end_of(_MARKS, line)
        yield Piece(line[:start], is_sentence=False)
        is_table = line.startswith("|", len(line) - len(line.lstrip()))
        for cell in (_BARS if is_table else _BREAKS).split(line[start:]):
            for sentence in _split_cell(cell, language):
                yield from _trimmed(sentence)


def _end_of(pattern: re.Pattern[str], text: str, start: int = 0) -> int:
    """Where a match that starts here ends."""
    match = pattern.match(text, start)
    return match.end() if match else start


def _split_cell(cell: str, language: str) -> Iterator[str]:
    """The sentences of a cell, with the white space between them."""
    start = 0
    # One who writes no capitals begins sentences without them.
    is_lower = cell.islower()
    for stop in (_FRENCH_STOP if language == "fr" else _STOP).finditer(cell):
        following = _end_of(_OPENING, cell, stop.end())
        begins = cell[following : following + 1]
        if not begins or begins in _NEVER_FIRST or (begins.islower() and not is_lower):
            continue
        if _ends_sentence(cell, stop, following, HABITS.get(language, Habits())):
            yield cell[start : stop.end()]
            start = stop.end()
    yield cell[start:]


def _ends_sentence(cell: str, stop: re.Match[str], following: int, habits: Habits) -> bool:
    """Whether a mark such as "." ends a sentence, given where the next word stands."""
    last = _LAST_WORD.search(cell[max(0, stop.start() - 24) : stop.start()])
    if stop[1] != "." or not last:
        return True
    begins = cell[following]
    parts = "".join(last[0].lower().split()).split(".")
    names = {".".join(parts[-count:]) for count in (1, 2, 3)}
    is_number = parts[-1].isdecimal() and len(parts[-1]) <= 3
    is_numbered = is_number or names & habits.numbered or parts[-1].endswith(habits.compounds)
    if names & habits.inner or (begins.isdecimal() and is_numbered):
        return False
    is_ordinal = is_number and (habits.has_ordinals or begins.islower())
    is_initial = len(parts[-1].strip("-")) == 1 and not is_number
    if names & habits.last or is_ordinal or is_initial or _ROMAN.fullmatch(last[0]):
        word = _WORD.match(cell, following)
        return word is not None and word[0].lower() in habits.beginnings
    return True


def _trimmed(text: str, fits: Callable[[str], bool] = lambda text: True) -> Iterator[Piece]:
    """A stretch as a sentence, apart from the white space, emoji and markup around it."""
    around = list(_AROUND.finditer(text))
    start = around[0].end() if around and around[0].start() == 0 else 0
    end = around[-1].start() if around and around[-1].end() == len(text) else len(text)
    core = text[start : max(start, end)]
    rest = core if is_ordinary(core) else _LITERALS.sub("", core)
    has_words = any(map(str.isalpha, rest))
    yield Piece(text[:start], is_sentence=False)
    yield Piece(core, is_sentence=has_words and (len(core) > 1 or fits(core)))
    yield Piece(text[start + len(core) :], is_sentence=False)


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces without empty ones, what is not to be translated as long as it goes."""
    result: list[Piece] = []
    for is_sentence, group in groupby(
        filter(lambda piece: piece.text, pieces), lambda piece: piece.is_sentence
    ):
        if is_sentence:
            result += group
        else:
            result.append(Piece("".join(piece.text for piece in group), is_sentence=False))
    return result


def _halved(text: str, fits: Callable[[str], bool]) -> Iterator[str]:
    if len(text) < 2 or not text.strip() or fits(text.strip()):
        yield text
        return
    middle = _best_cut(text)
    yield from _halved(text[:middle], fits)
    yield from _halved(text[middle:], fits)


_CUTS = (re.compile(r"[;:–—]\s+"), re.compile(r",\s+"), re.compile(r"\s+"))


def _best_cut(text: str) -> int:
    """The place of the best kind in the middle half that is nearest to the middle."""
    length = len(text)
    low, high = max(1, length // 4), length - max(1, length // 4)
    for kind in _CUTS:
        if places := [match.end() for match in kind.finditer(text, low - 1, high) if match.end() >= low]:
            return min(places, key=lambda place: abs(2 * place - length))
    middle = length // 2
    for place in range(middle, high + 1):
        if not _belongs_to_the_last(text[place]) and text[place - 1] != "\u200d":
            return place
    return middle


def _belongs_to_the_last(character: str) -> bool:
    """Whether it changes the character before: an accent, a joiner, a skin tone."""
    return unicodedata.category(character) in ("Mn", "Me", "Mc", "Cf", "Sk")

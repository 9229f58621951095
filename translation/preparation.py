"""What a model reads of a sentence as people write it, and what is made of its translation."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import compress, pairwise
from typing import Literal

from translation.capitals import LETTER, begun, in_usual_case, is_heading, is_shouted, without_stress
from translation.placeholders import PLACEHOLDERS
from translation.typography import JOINERS, PLAIN, WITHOUT_WIDTH, closed_alike, ended_alike, plain
from translation.verbatim import EMOJI, LITERAL, MARKUP, NUMBER, is_ordinary


@dataclass(frozen=True)
class Prepared:
    """A sentence as the model reads it.

    Attributes:
        text: With placeholders, and typography that the model knows.
        carried: What ``PLACEHOLDERS[i]`` stands for, as the user wrote it.
        upper: Whether it was all in capitals.
        joined: The placeholders of markup and signs with a word right before, and of those with one right
            after.
    """

    text: str
    carried: tuple[str, ...]
    upper: bool
    joined: tuple[str, str] = ("", "")

    @property
    def has_words(self) -> bool:
        """Whether anything is left for the model to translate."""
        return any(map(str.isalpha, self.text))

    def is_intact(self, translation: str) -> bool:
        """Whether the translation has each placeholder exactly once, and no other."""
        found = sorted(character for character in translation if character in PLACEHOLDERS)
        return found == list(PLACEHOLDERS[: len(self.carried)])

    def finish(self, translation: str) -> str:
        """Put back what was carried, each item once, and the capitals.

        What the model lost stands before the final punctuation; what it doubled or invented goes, as does
        a full stop that the sentence ends without.
        """
        translation = ended_alike(translation, self.text)
        if lost := [item for item in PLACEHOLDERS[: len(self.carried)] if item not in translation]:
            body = translation.rstrip(_FINAL)
            translation = " ".join([body, *lost]) + translation[len(body) :]
        return self._put_back(translation).rstrip()

    def begin(self, beginning: str) -> str:
        """What is certain of a translation of which only the beginning is known.

        Whatever follows, what ``finish`` makes of the whole starts with it; so it ends before
        punctuation, before which a lost item may have to stand.
        """
        return self._put_back(beginning.rstrip(_FINAL)).rstrip()

    def _put_back(self, translation: str) -> str:
        items = dict(zip(PLACEHOLDERS, self.carried, strict=False))

        def item_or_nothing(match: re.Match[str]) -> str:
            space, placeholder = match.groups()
            return space + items.pop(placeholder) if placeholder in items else ""

        translation = closed_alike(translation.upper() if self.upper else translation)
        before, after = self.joined
        translation = re.sub(rf"\s+(?=[{before}])", "", translation) if before else translation
        translation = re.sub(rf"(?<=[{after}])\s+", "", translation) if after else translation
        return _PLACEHOLDER.sub(item_or_nothing, translation).lstrip()


@dataclass(frozen=True)
class Knowledge:
    """What a model has learned from.

    Attributes:
        knows: Whether it has seen a word.
        is_name: Whether a word, as it is written, is a name that translations keep.
        usual: Gives a word in lower case the capital that it mostly has within a sentence, if any.
        characters: Those that it has been trained on.
    """

    knows: Callable[[str], bool]
    is_name: Callable[[str], bool]
    usual: Callable[[str], str]
    characters: frozenset[str]


def prepare(sentence: str, model: Knowledge) -> Prepared:
    """Carry over what the model cannot know, and write the rest as the model has learned it.

    Carried are addresses, paths, code and markup; numbers of two digits or more, dates and amounts;
    emoji, and signs such as "+"; words with unknown characters or over 40 letters; names; and, past the first
    word, capitalised words that the model has seen neither so nor in lower case; neighbours of these
    as one. From the tenth on they stay. In the rest, curly quotes and apostrophes become straight,
    unusual spaces, hyphens and ellipses ordinary, characters without width go, and where all is in
    capitals, or each word begins with one as in a heading, or known words are stressed by capitals,
    words are written as usual.

    Args:
        sentence: Without line ends, as ``split_text`` gives it.
        model: What it knows.
    """
    sentence = unicodedata.normalize("NFC", sentence.translate(WITHOUT_WIDTH))
    upper = is_shouted(sentence if is_ordinary(sentence) else _FIXED.sub(" ", sentence))
    spans = _carried_spans(sentence, replace(model, knows=_anything) if upper else model)[: len(PLACEHOLDERS)]
    joins = [span.joins(sentence) for span in spans]
    parts, end = [], 0
    for span, placeholder, (before, after) in zip(spans, PLACEHOLDERS, joins, strict=False):
        # To the model a placeholder is a word.
        parts += [plain(sentence[end : span.start]), " " * before, placeholder, " " * after]
        end = span.end
    text = re.sub(" {2,}", " ", "".join([*parts, plain(sentence[end:])])).strip()
    if upper or is_heading(text):
        text = begun(in_usual_case(text, model.usual))
    elif (calm := without_stress(text, model.knows, model.usual)) != text:
        text = begun(calm) if begun(text) == text else calm
    carried = tuple(sentence[span.start : span.end] for span in spans)
    joined = ["".join(compress(PLACEHOLDERS, (each[side] for each in joins))) for side in (0, 1)]
    return Prepared(text, carried, upper, (joined[0], joined[1]))


def _anything(word: str) -> bool:
    return True


_PLACEHOLDER = re.compile(rf"(\s?)([{PLACEHOLDERS}])")
# What may end a sentence after its last word: punctuation and any white space.
_FINAL = ".!?…\"'»”“’)]" + "".join(filter(str.isspace, map(chr, range(0x3001))))
_FIXED = re.compile(rf"{MARKUP}|{LITERAL}|{NUMBER}|{EMOJI}|[{PLACEHOLDERS}]+")
_WORD_OR_MARK = rf"(?P<word>{LETTER}(?:{LETTER}|[{JOINERS}\u0300-\u036f])*)|(?P<mark>[^\s])"
_ORDINARY_TOKEN = re.compile(_WORD_OR_MARK)
_TOKEN = re.compile(
    rf"(?P<markup>{MARKUP})|(?P<fixed>{LITERAL}|{NUMBER}|[{PLACEHOLDERS}]+)|(?P<symbol>{EMOJI})|{_WORD_OR_MARK}"
)
_Kind = Literal["fixed", "symbol", "first", "name"]


@dataclass(frozen=True)
class _Span:
    """A stretch to carry over; "first" is a first word, which is a name only if a name follows."""

    start: int
    end: int
    kind: _Kind
    has_marks: bool

    def joins(self, sentence: str) -> tuple[bool, bool]:
        """Whether it is markup or a sign with a word right before it, and right after it."""
        around = sentence[: self.start][-1:], sentence[self.end :][:1]
        return self.has_marks and around[0].isalnum(), self.has_marks and around[1].isalnum()


def _carried_spans(sentence: str, model: Knowledge) -> list[_Span]:
    spans: list[_Span] = []
    is_first = True
    pattern = _ORDINARY_TOKEN if is_ordinary(sentence) else _TOKEN
    for token in pattern.finditer(sentence):
        kind = _kind(token, is_first, model)
        is_first = is_first and token.lastgroup in ("symbol", "mark", "markup")
        if kind is None:
            continue
        span = _Span(token.start(), token.end(), kind, token.lastgroup in ("markup", "mark"))
        if spans and _are_one(spans[-1], span, sentence[spans[-1].end : span.start]):
            last = spans.pop()
            span = _Span(last.start, span.end, kind, span.has_marks or last.has_marks)
        spans.append(span)
    return [span for span in spans if span.kind != "first"]


def _kind(token: re.Match[str], is_first: bool, model: Knowledge) -> _Kind | None:
    """Why a token is carried over; None if it is not."""
    text = token[0]
    is_unknown = not model.characters.issuperset(text) and any(
        character not in model.characters and ord(character) not in PLAIN for character in text
    )
    match token.lastgroup:
        case "fixed":
            return None if len(text) == 1 and text.isdecimal() else "fixed"
        case "markup":
            return "fixed"
        case "symbol":
            return "symbol"
        case "mark":
            return "symbol" if is_unknown or _is_sign(text) else None
    if is_unknown or model.is_name(text):
        return "name"
    if _is_code(text):
        return "fixed"
    if len(text) > 1 and text[0].isupper() and not model.knows(text) and not model.knows(text.lower()):
        return "first" if is_first else "name"
    return None


def _is_sign(character: str) -> bool:
    """Whether a character is the same in all languages and no punctuation."""
    is_symbol = unicodedata.category(character).startswith("S") or character in "*#@&_\\"
    return is_symbol and ord(character) not in PLAIN


def _are_one(last: _Span, span: _Span, between: str) -> bool:
    between = between.strip(JOINERS)
    if not between:
        return True
    if span.kind == "symbol":
        return last.kind == "symbol" and between.isspace()
    is_name = span.kind == "name" and last.kind in ("first", "name")
    return is_name and (between.isspace() or between in ("-", "'", "’"))


def _is_code(word: str) -> bool:
    """Whether a word is CamelCase, of letters and digits but not "1st" or "1960s", or too long for a word."""
    if word.isalpha() and (word.islower() or word.istitle()):
        return len(word) > 40  # not even German ones are, as people use them
    if any(before.islower() and after.isupper() for before, after in pairwise(word)):
        return True
    letters = word.lstrip("0123456789")
    return any(map(str.isdecimal, word)) and letters != "" and not (letters.isalpha() and letters.islower())

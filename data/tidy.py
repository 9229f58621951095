"""Captions as people write them, from captions as tokenisers leave them."""

import re

_SPACES = re.compile(r"\s+")
_ACCENT_AS_APOSTROPHE = re.compile(r"(?<=\w)[´`’](?=\w)")
_CLITIC = re.compile(r"(?<=\w) (?='(?:s|m|d|re|ve|ll)\b)|(?<=\w) (?=n't\b)")
_SINGLE_QUOTED = re.compile(r"(?<!\S)' (?P<inside>\S.*?) '(?!\S)")
_PLURAL_APOSTROPHE = re.compile(r"(?<=s) '(?!\S)")
_LONE_APOSTROPHE = re.compile(r"(?<!\S)'(?!\S)")
_DOUBLE_QUOTED = re.compile(r'"\s*(?P<inside>[^"]*?)\s*"')
_SPACE_BEFORE_STOP = re.compile(r" (?=[.,;:!?]+(?:[\s\"')]|$))")
_COMMA_WITHOUT_SPACE = re.compile(r",(?=[^\W\d])")
_NUMBER_SIGN = re.compile(r"# (?=\d)")
# What a slip of the finger leaves behind the last sentence: "... in his mouth . a".
_STRAY_LETTERS = r"(?<=\w\w\w) ?\.(?: [a-z]{1,2}|[a-z])(?![^\s.,])"
_ENDING = re.compile(rf"(?:[\s.,;:<>/_–-]|{_STRAY_LETTERS}(?=[\s.,;:<>/_–-]*$))+$")
_STOP_INSIDE_QUOTES = re.compile(r"\s*[.,]+\"$")
_FIRST_LETTER = re.compile(r"^[\"'(]*[^\W\d_]")


def tidy_caption(text: str) -> str:
    """Turn a caption such as ``a dog 's ball , on " the grass "`` into a written sentence.

    Undoes tokenisation (spaces around punctuation, apostrophes, quotation marks
    and brackets), removes unpaired quotation marks and brackets and what trails
    after the end, writes the first letter large and ends with one full stop,
    unless the caption ends with ``!`` or ``?``. Words are left alone. Tidying
    twice is tidying once; a caption of nothing but punctuation becomes empty.

    The cases are those of Flickr8k's English captions and of Multi30k's German
    ones.
    """
    # One correction can bring another about (a bracket goes, two spaces are left), so until nothing changes.
    while (tidied := _tidy_once(text)) != text:
        text = tidied
    return text


def capitalised(text: str) -> str:
    """The text with a large first letter, as every caption has."""
    return _FIRST_LETTER.sub(lambda match: match[0].upper(), text)


def _tidy_once(text: str) -> str:
    text = _SPACES.sub(" ", text).strip()
    text = _tidy_brackets(_tidy_quotes(_tidy_apostrophes(text)))
    text = _SPACE_BEFORE_STOP.sub("", _COMMA_WITHOUT_SPACE.sub(", ", text))
    text = _NUMBER_SIGN.sub("#", text)
    text = _STOP_INSIDE_QUOTES.sub('"', _ENDING.sub("", text))
    if not any(character.isalnum() for character in text):
        return ""
    text = capitalised(text)
    return text if text.endswith(("!", "?")) else text + "."


def _tidy_apostrophes(text: str) -> str:
    text = _CLITIC.sub("", _ACCENT_AS_APOSTROPHE.sub("'", text))
    text = _SINGLE_QUOTED.sub(r"'\g<inside>'", text)
    text = _PLURAL_APOSTROPHE.sub("'", text)
    return _LONE_APOSTROPHE.sub("", text)


def _tidy_quotes(text: str) -> str:
    if text.count('"') % 2:
        before, _, after = text.rpartition('"')
        text = before + after
    return _DOUBLE_QUOTED.sub(r'"\g<inside>"', text)


def _tidy_brackets(text: str) -> str:
    if text.count("(") != text.count(")"):
        return text.replace("(", "").replace(")", "")
    return text.replace("( ", "(").replace(" )", ")")

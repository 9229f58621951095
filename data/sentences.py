"""Sentences in one language, out of the captions of photographs: what back-translation starts from.

Whoever writes captions for a small fee does not always write with care. What else
is known of the language, such as the texts a translator learns from, tells which
captions to leave out: German ones without capitals, for instance.
"""

import re
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from common.files import read_filled_lines, read_lines
from data.tidy import tidy_caption

SHORTEST, LONGEST = 4, 40  # words
_WORD = re.compile(r"\w+")
_ID_END = re.compile(r"[_.]")
_SMALL = 5  # times as often with a capital: a word without one is a slip
# Adjectives and verbs become nouns ("beim Klettern", "im Grünen"), so capitals need clearer evidence.
_LARGE = 20  # times as often without a capital


@dataclass(frozen=True, slots=True)
class Selection:
    """The sentences that were kept, in order, and how many captions were not, for each reason."""

    sentences: tuple[str, ...]
    left_out: Counter[str]


def select_sentences(
    captions: Iterable[tuple[str, str]],
    *,
    without: Set[str] = frozenset(),
    spelled_like: Counter[str] | None = None,
    each: int | None = None,
) -> Selection:
    """Choose the captions that are sentences of `SHORTEST` to `LONGEST` words, tidied, each text once.

    Args:
        captions: (image name, caption), as `data.captions.read_named_captions` gives them.
        without: Ids of photographs (see `photograph_id`) whose captions are left out.
        spelled_like: What `is_spelled_like` compares with; without, any spelling will do.
        each: The most sentences to keep of one photograph; without, all.
    """
    kept: dict[str, None] = {}
    kept_of: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for name, caption in captions:
        sentence = tidy_caption(caption)
        if photograph_id(name) in without:
            left_out["of unwanted photographs"] += 1
        elif not SHORTEST <= len(sentence.split()) <= LONGEST:
            left_out[f"not of {SHORTEST} to {LONGEST} words"] += 1
        elif sentence in kept:
            left_out["repeated"] += 1
        elif spelled_like is not None and not is_spelled_like(sentence, spelled_like):
            left_out["spelled otherwise"] += 1
        elif each is not None and kept_of[name] >= each:
            left_out[f"beyond {each} of a photograph"] += 1
        else:
            kept[sentence] = None
            kept_of[name] += 1
    return Selection(tuple(kept), left_out)


def photograph_id(name: str) -> str:
    """What is before the first ``_`` or ``.`` of a file's name: 12 of ``12.jpg``, ``12_ab.jpg`` and ``12``.

    Flickr8k, Flickr30k and Multi30k thus agree on a photograph. Names that all begin
    alike, such as COCO's of 2014 (``COCO_val2014_...``), cannot be told apart by it.
    """
    return _ID_END.split(Path(name.strip()).name, maxsplit=1)[0]


def read_photograph_ids(path: Path) -> set[str]:
    """Return the ids of the photographs that a text file names or numbers, one a line.

    Raises:
        InputError: If the file cannot be read or is empty.
    """
    ids = {photograph_id(line) for _, line in read_filled_lines(path)}
    if not ids:
        raise InputError(f"{path} has no names; expected the name or id of one photograph a line")
    return ids


def count_words(path: Path) -> Counter[str]:
    """Count the words of a text file, but for the first of each line, whose capital says nothing.

    Raises:
        InputError: If the file cannot be read or has no words to count.
    """
    counts: Counter[str] = Counter()
    for line in read_lines(path):
        counts.update(_WORD.findall(line)[1:])
    if not counts:
        raise InputError(f"{path} has no words to compare with; expected one sentence a line")
    return counts


def is_spelled_like(sentence: str, counts: Counter[str]) -> bool:
    """Whether the words past the first are written as they are counted to be.

    None may be written small that is more than 5 times as often counted with a
    capital, nor with a capital if more than 20 times as often small (and more than
    20 times at all); at most one may be a word never counted.
    """
    words = _WORD.findall(sentence)[1:]
    if any(word.islower() and counts[word.capitalize()] > _SMALL * counts[word] for word in words):
        return False
    if any(word[0].isupper() and counts[word.lower()] > _LARGE * max(1, counts[word]) for word in words):
        return False
    return sum(counts[word] == 0 for word in words) <= 1

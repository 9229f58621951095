"""A dictionary out of sentences and their translations: words, and what they most often became."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from data.alignment import Words, align

LONGEST = 40  # words of a sentence; longer ones are left out
_PHRASE = 3  # most words of a translation
_OFTEN = 2  # times that a translation must have come
_SHARE = 0.25  # of a word's translations that one of them must be
_CERTAIN = 0.15  # of a word's occurrences that a translation must be of
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[^\w\s]")
_WORD = re.compile(r"[^\W\d_].*[^\W\d_]")


def lexicon(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Words and their translations of up to three words, both ways: the first is of the first language.

    Two alignments, one from either side, have to agree on them. A word that is written with a capital only
    where sentences begin has none.

    Args:
        pairs: Sentences and their translations, some ten thousand or more.
    """
    split = [(_TOKEN.findall(first), _TOKEN.findall(second)) for first, second in pairs]
    split = [both for both in split if all(0 < len(words) <= LONGEST for words in both)]
    if not split:
        return []
    firsts, seconds = (_without_first_capitals(side) for side in zip(*split, strict=True))
    forth, back = align(firsts, seconds), align(seconds, firsts)
    found = set(_translations(firsts, seconds, forth, back))
    found |= {(first, second) for second, first in _translations(seconds, firsts, back, forth)}
    return sorted(found)


def _without_first_capitals(sentences: Sequence[Words]) -> list[Words]:
    """Sentences that begin small, unless their first word is more often written with a capital elsewhere."""
    within = Counter(word for words in sentences for word in words[1:])

    def first(word: str) -> str:
        small = word[0].lower() + word[1:]
        return small if within[small] > within[word] else word

    return [[first(words[0]), *words[1:]] for words in sentences]


def _translations(
    sources: Sequence[Words],
    targets: Sequence[Words],
    forth: Sequence[Sequence[int]],
    back: Sequence[Sequence[int]],
) -> Iterator[tuple[str, str]]:
    """Words of the sources and the phrases of the targets that they became often enough."""
    occurrences = Counter(word for words in sources for word in words)
    became: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for source, target, origins, heirs in zip(sources, targets, forth, back, strict=True):
        for place, word in enumerate(source):
            places = [at for at, origin in enumerate(origins) if origin == place]
            is_phrase = places and places[-1] - places[0] == len(places) - 1 < _PHRASE
            if is_phrase and heirs[place] in places:
                became[word][" ".join(target[places[0] : places[-1] + 1])] += 1
    for word, phrases in became.items():
        counts = _without_companions(phrases)
        least = max(_OFTEN, _SHARE * sum(counts.values()), _CERTAIN * occurrences[word])
        for phrase, count in counts.items():
            if count >= least and _WORD.fullmatch(word) and _WORD.fullmatch(phrase):
                yield word, phrase


def _without_companions(phrases: Mapping[str, int]) -> dict[str, int]:
    """Count ``the dog`` as ``dog`` if that alone came at least as often."""
    counts = dict(phrases)
    for phrase in sorted(phrases, key=lambda each: -each.count(" ")):
        shorter = [phrase.partition(" ")[2], phrase.rpartition(" ")[0]]
        best = max(shorter, key=lambda each: counts.get(each, 0))
        if counts.get(best, 0) >= counts[phrase]:
            counts[best] += counts.pop(phrase)
    return counts

"""Finding out what rare words are in translations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from data.records import SentencePair
from translation.alignment import align
from translation.dictionary import Dictionary, hinted, words_of

RARE = 40
"""A word that comes no more often is rare."""

ONE_IN = 8000
"""Of a small corpus only those are that are no more than one word in so many."""

SHARE = 0.34
"""As often as this a word must have its translation, of the times that it comes."""

MOST_PAIRS = 300_000
"""Of two languages are aligned, as it takes some 7 kilobytes for each."""

_LONGEST = 60  # words of a sentence that is aligned


def learn_rare_words(pairs: Sequence[SentencePair], known: Dictionary) -> tuple[Dictionary, list[str]]:
    """The translations of rare words, and the pairs' sources with hints.

    The hint for a pair is what the other pairs say, so that the model learns how far hints can be trusted.

    Args:
        pairs: What is to be learned from.
        known: What is known already, and stays.
    """
    rows: dict[tuple[str, str], list[int]] = {}
    for row, pair in enumerate(pairs):
        rows.setdefault((pair.source_language, pair.target_language), []).append(row)
    sources = [pair.source for pair in pairs]
    found = {name: dict(known.of(*name.split("-"))) for name in known.directions()}
    for one, other in sorted({(min(each), max(each)) for each in rows}):
        ahead, back = rows.get((one, other), []), rows.get((other, one), [])
        texts = [(pairs[row].source, pairs[row].target) for row in ahead]
        texts += [(pairs[row].target, pairs[row].source) for row in back]
        texts = [each for each in dict.fromkeys(texts) if max(map(len, map(words_of, each))) <= _LONGEST]
        texts = texts[:MOST_PAIRS]
        links = align([(_small(first), _small(second)) for first, second in texts])
        for way, places in ((f"{one}-{other}", ahead), (f"{other}-{one}", back)):
            words = _RareWords(texts, links, found.get(way, {}))
            for row in places:
                sources[row] = words.hint(pairs[row].source, pairs[row].target)
            if places:
                found[way] = words.translations()
            texts = [(second, first) for first, second in texts]
            links = [{place: word for word, place in each.items()} for each in links]
    return Dictionary(found), sources


class _RareWords:
    """What is counted of the rare words of one language in sentences and their translations."""

    def __init__(
        self,
        texts: Sequence[tuple[str, str]],
        links: Sequence[Mapping[int, int]],
        known: Mapping[str, str],
    ) -> None:
        self.known = known
        self.counts = Counter(word for source, _ in texts for word in _small(source))
        most = min(RARE, max(2, self.counts.total() // ONE_IN))
        self.links: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self.translated: dict[str, Counter[str]] = defaultdict(Counter)
        for (source, target), linked in zip(texts, links, strict=True):
            first, second = _small(source), _small(target)
            words = [(first[place], second[other]) for place, other in linked.items()]
            self.links[source, target] = rare = [each for each in words if self.counts[each[0]] <= most]
            for word, translation in rare:
                self.translated[word][translation] += 1
        self.written = _usual_forms(target for _, target in texts)

    def translations(self) -> dict[str, str]:
        """What each rare word is on the whole."""
        every = {word: self._usual(word, 0, []) for word in self.translated}
        return {word: translation for word, translation in every.items() if translation} | {**self.known}

    def hint(self, source: str, target: str) -> str:
        """The source of a pair with hints, by the other pairs."""
        own = self.links.get((source, target), [])
        words = _small(source)
        rare = {word: self._usual(word, words.count(word), own) for word in words if word in self.translated}
        return hinted(source, rare | {word: self.known[word] for word in words if word in self.known})

    def _usual(self, word: str, times: int, own: Iterable[tuple[str, str]]) -> str:
        """What a word mostly is, without ``times`` that it comes and its ``own`` links; "" if nothing."""
        counts = self.translated[word] - Counter(translation for each, translation in own if each == word)
        if not counts:
            return ""
        ((translation, count),) = counts.most_common(1)
        return self.written[translation] if count >= SHARE * (self.counts[word] - times) else ""


def _small(text: str) -> list[str]:
    return [word[0].lower() for word in words_of(text)]


def _usual_forms(texts: Iterable[str]) -> dict[str, str]:
    """How each word, in lower case, is mostly written; where sentences begin counts for little."""
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        for place, word in enumerate(words_of(text)):
            forms[word[0].lower()][word[0]] += 10 if place else 1
    return {word: counts.most_common(1)[0][0] for word, counts in forms.items()}

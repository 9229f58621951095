"""Translating sentences with care: where something has gone wrong the model is asked again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from common.loops import is_loop
from common.result import Result
from common.sampling import Sampling
from common.search import Beam
from translation.coverage import by_coverage
from translation.decoding import Decoding, decode_sentences
from translation.network import TranslationNetwork
from translation.placeholders import PLACEHOLDERS
from translation.preparation import Prepared
from translation.rescoring import by_rescorer

# No model means these: control characters and line ends, and bytes that are no whole character.
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]+")


@dataclass(frozen=True)
class Sentence:
    """A sentence of a text, or a part of a long one.

    Attributes:
        prepared: What the model reads of it.
        source: Its language.
        item: The number that its samples come from: that of its text for the first of the text,
            others for those that follow.
        is_first: Whether the translation of the text begins with that of this sentence.
    """

    prepared: Prepared
    source: str
    item: int
    is_first: bool

    def prefix(self, wanted: str) -> str:
        """What the model must begin with if the text's translation is to begin as ``wanted``."""
        if not self.is_first:
            return ""
        # What is carried over into the prefix must not come a second time.
        for placeholder, carried in zip(PLACEHOLDERS, self.prepared.carried, strict=False):
            wanted = re.sub(rf"(?<!\w){re.escape(carried)}(?!\w)", placeholder, wanted, count=1)
        return wanted

    def shown(self, pieces: Iterable[str]) -> tuple[str, ...]:
        """What the model has read or written, with what was carried over in place of the placeholders."""
        table = str.maketrans(dict(zip(PLACEHOLDERS, self.prepared.carried, strict=False)))
        return tuple(piece.translate(table) for piece in pieces)


def translate_prepared(
    network: TranslationNetwork, sentences: Sequence[Sentence], target: str, how: Decoding
) -> list[Result]:
    """What the model writes for sentences, placeholders still in it.

    Raises:
        InputError: The constraints cannot be met.
    """
    results: dict[int, Result] = {}
    places_of: dict[tuple[str, str], list[int]] = {}
    for place, sentence in enumerate(sentences):
        kind = sentence.prefix(how.constraints.prefix), sentence.source
        places_of.setdefault(kind, []).append(place)
    for (prefix, source), places in places_of.items():
        constrained = replace(how, constraints=replace(how.constraints, prefix=prefix))
        some = [sentences[place] for place in places]
        results |= zip(places, _search_well(network, some, (source, target), constrained), strict=True)
    return [results[place] for place in range(len(sentences))]


def _search_well(
    network: TranslationNetwork, sentences: Sequence[Sentence], direction: tuple[str, str], how: Decoding
) -> list[Result]:
    """The results of sentences, searched again with more care where something has gone wrong."""
    results = _search(network, sentences, direction, how)
    if isinstance(how.strategy, Sampling) and how.strategy.temperature:
        return results  # asked for whatever comes
    failed = [row for row, each in enumerate(sentences) if _badness(network, results[row], each)]
    others = _search(network, [sentences[row] for row in failed], direction, _careful(how))
    for row, other in zip(failed, others, strict=True):
        results[row] = _choose(network, results[row], other, sentences[row])
    return results


def _search(
    network: TranslationNetwork, sentences: Sequence[Sentence], direction: tuple[str, str], how: Decoding
) -> list[Result]:
    texts, items = [each.prepared.text for each in sentences], [each.item for each in sentences]
    strategy = how.strategy
    is_plain = isinstance(strategy, Beam) and not strategy.diversity
    # Not even read where it has no say.
    rescorer = network.rescorer(*direction) if is_plain and not how.coverage_penalty else None
    if not isinstance(strategy, Beam) or not (how.coverage_penalty or rescorer):
        return decode_sentences(network, texts, direction[1], strategy, how.constraints, items)
    whole = replace(strategy, count=strategy.size)
    results = decode_sentences(network, texts, direction[1], whole, how.constraints, items)
    if rescorer:
        return by_rescorer(rescorer, texts, results, direction, strategy)
    return by_coverage(network, texts, results, direction[1], strategy, how.coverage_penalty)


def _badness(network: TranslationNetwork, result: Result, sentence: Sentence) -> int:
    """0 for what is right, 1 if what must be carried over is lost, 2 for nothing at all and for loops."""
    read, written = sentence.prepared, readable(result.text)
    # "Nein, nein, nein, nein!" goes round in circles itself, and so may its translation.
    if is_loop(result.tokens) and not is_loop(network.tokenizer.encode(read.text.lower())):
        return 2
    if not written.strip():
        return 2
    return 0 if read.is_intact(written) else 1


def _careful(how: Decoding) -> Decoding:
    """All that a beam finds, without three tokens in a row that come twice."""
    size = max(5, how.strategy.size if isinstance(how.strategy, Beam) else how.strategy.count)
    length_penalty = how.strategy.length_penalty if isinstance(how.strategy, Beam) else 1.0
    constraints = replace(how.constraints, no_repeat_ngram=how.constraints.no_repeat_ngram or 3)
    return replace(how, strategy=Beam(size, length_penalty, size), constraints=constraints)


def _choose(network: TranslationNetwork, first: Result, other: Result, sentence: Sentence) -> Result:
    """Of all that was found the least bad, as many as ``first`` has."""
    every: dict[str, Result] = {}
    for each in (first, *first.alternatives, other, *other.alternatives):
        every.setdefault(readable(each.text), replace(each, alternatives=()))
    best, *rest = sorted(every.values(), key=lambda each: _badness(network, each, sentence))
    return replace(best, alternatives=tuple(rest[: len(first.alternatives)]))


def readable(text: str) -> str:
    """What a model has written without what can be part of no line of text."""
    return _UNREADABLE.sub("", text)

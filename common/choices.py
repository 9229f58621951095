"""What a model chose, piece by piece or word by word, and what else it had in mind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.words import text_of, words_of

if TYPE_CHECKING:
    from common.reading import Reading
    from common.tokenizer import Tokenizer

RIVALS = 3
"""How many rivals each choice has, at most."""

Rival = tuple[str, float]
"""What was nearly written, and its probability."""


@dataclass(frozen=True)
class Choices:
    """The pieces of a text that a model wrote, or words made of them.

    A piece that begins a word starts with a space; the end-of-sentence reads ``<eos>`` and comes last.

    Attributes:
        pieces: Readable.
        probabilities: Of each piece, given those before it.
        rivals: For each piece the nearest others, the likeliest first.
        entropies: Of each choice, in nats: of all tokens with their probabilities as the model
            gives them, whatever the temperature that they were drawn at.
        attention: How much each piece looked at each part of the source, a row summing to 1 for
            each piece; None for a model without attention.
    """

    pieces: tuple[str, ...]
    probabilities: tuple[float, ...]
    rivals: tuple[tuple[Rival, ...], ...]
    entropies: tuple[float, ...]
    attention: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.pieces), len(self.probabilities), len(self.rivals), len(self.entropies)}
        if self.attention is not None:
            lengths.add(len(self.attention))
        if len(lengths) > 1:
            raise ValueError("choices must have a probability, rivals, entropy and row for each piece")


def choices_of(reading: Reading, tokenizer: Tokenizer) -> Choices:
    """The choices in a reading whose logits were kept."""
    if reading.logits is None:
        raise ValueError("reading must have its logits: read with keep_logits")
    logs = reading.logits.log_softmax(-1)
    probabilities = logs.exp()
    best = probabilities.topk(min(RIVALS + 1, probabilities.size(-1)))
    ids, values = best.indices.tolist(), best.values.tolist()
    names = iter(tokenizer.pieces(best.indices.flatten().tolist()))
    rivals = []
    for chosen, row, others in zip(reading.ids, ids, values, strict=True):
        named = [(next(names), value, token) for token, value in zip(row, others, strict=True)]
        rivals.append(tuple((name, value) for name, value, token in named if token != chosen)[:RIVALS])
    return Choices(
        pieces=tuple(tokenizer.pieces(reading.ids)),
        probabilities=tuple(reading.log_probabilities.exp().tolist()),
        rivals=tuple(rivals),
        entropies=tuple((-probabilities * logs.clamp(min=-1e9)).sum(-1).tolist()),
        attention=None if reading.attention is None else tuple(map(tuple, reading.attention.tolist())),
    )


def by_words(choices: Choices) -> Choices:
    """Merge pieces into words, punctuation apart; merging words again changes nothing.

    A word keeps the space it starts with. A row of attention is the mean over the word's
    pieces, a probability the product, an entropy the sum.

    The rivals of a word are the three likeliest words that would have come from another choice
    at a single piece: at its first (another word begins), at a later one (it goes on differently or ends
    there), or right after its last (it goes on). Each reads as far as that choice, with the probability
    of its pieces up to there; choices that read the same count together.
    """
    words = words_of(choices.pieces)
    rows = None
    if choices.attention is not None:
        rows = tuple(
            tuple(
                sum(values) / len(word)
                for values in zip(*choices.attention[word.start : word.stop], strict=True)
            )
            for word in words
        )
    return Choices(
        pieces=tuple(text_of(choices.pieces, word) for word in words),
        probabilities=tuple(math.prod(choices.probabilities[word.start : word.stop]) for word in words),
        rivals=_rivals(choices, words),
        entropies=tuple(sum(choices.entropies[word.start : word.stop]) for word in words),
        attention=rows,
    )


def _rivals(choices: Choices, words: Sequence[range]) -> tuple[tuple[Rival, ...], ...]:
    """The rivals of each word, as `by_words` says."""
    texts = [text_of(choices.pieces, word) for word in words]
    found: list[dict[str, float]] = [{} for _ in words]
    for place, rivals in enumerate(choices.rivals):
        for rival, probability in rivals:
            pieces = (*choices.pieces[:place], rival)
            others = [text_of(pieces, word) for word in words_of(pieces)]
            # The first word that reads differently; none if this is the same word in other pieces.
            pairs = enumerate(zip(texts, others, strict=False))
            number = next((number for number, (text, other) in pairs if text != other), None)
            if number is not None:
                other, start = others[number], words[number].start
                probability *= math.prod(choices.probabilities[start:place])
                found[number][other] = found[number].get(other, 0.0) + probability
    return tuple(tuple(sorted(each.items(), key=lambda pair: -pair[1])[:RIVALS]) for each in found)

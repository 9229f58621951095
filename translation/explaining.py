"""Why a translation came out as it did: where the decoder looked, and what else it had in mind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from common.errors import InputError
from translation.careful import Sentence, readable, translate_prepared
from translation.decoding import Decoding
from translation.explanation import Explanation
from translation.reading import Reading, read_translations
from translation.texts import split_texts

if TYPE_CHECKING:
    from common.tokenizer import Tokenizer
    from translation.model import Translator

_RIVALS = 3
"""Tokens nearly written that are shown for each that was."""


def explain_texts(
    translator: Translator, texts: Sequence[str], source: str, target: str, how: Decoding
) -> list[Explanation]:
    """Translate texts as :meth:`Translator.translate` does and explain each of their sentences, in order.

    Raises:
        InputError: The model does not know the direction or has no attention.
    """
    translator.check_direction(source, target)
    explanations: list[Explanation] = []
    for language, pieces in split_texts(translator, source, target, texts, range(len(texts))):
        sentences = [piece for piece in pieces if isinstance(piece, Sentence)]
        results = translate_prepared(translator, sentences, target, how)
        sources = [each.prepared.text for each in sentences]
        translations = [readable(each.text) for each in results]
        explained = explain_sentences(translator, sources, translations, (language, target))
        explanations += map(_put_back, explained, sentences)
    return explanations


def _put_back(explanation: Explanation, sentence: Sentence) -> Explanation:
    """Show what was carried over in place of the placeholders that the model read and wrote."""
    rivals = (
        zip(sentence.shown(piece for piece, _ in each), (value for _, value in each), strict=True)
        for each in explanation.rivals
    )
    return replace(
        explanation,
        source=sentence.shown(explanation.source),
        target=sentence.shown(explanation.target),
        rivals=tuple(map(tuple, rivals)),
    )


def explain_sentences(
    translator: Translator, sources: Sequence[str], translations: Sequence[str], languages: tuple[str, str]
) -> list[Explanation]:
    """What each translation looked at and nearly wrote; ``languages`` are those of source and target.

    Raises:
        InputError: A sentence is too long, or the model has no attention.
    """
    tokenizer, explanations = translator.tokenizer, list[Explanation]()
    for reading in read_translations(translator, sources, translations, languages[1], keep_logits=True):
        if reading.attention is None:
            raise InputError("this model has no attention: there is nothing to see; take one that has")
        explanations.append(
            Explanation(
                tuple(tokenizer.pieces(reading.source_ids)),
                tuple(tokenizer.pieces(reading.target_ids)),
                tuple(map(tuple, reading.attention.tolist())),
                tuple(reading.log_probabilities.exp().tolist()),
                _rivals(reading, tokenizer),
                *languages,
            )
        )
    return explanations


def _rivals(reading: Reading, tokenizer: Tokenizer) -> tuple[tuple[tuple[str, float], ...], ...]:
    """For each token written the likeliest others, readable, and their probabilities."""
    assert reading.logits is not None
    best = reading.logits.softmax(-1).topk(min(_RIVALS + 1, reading.logits.size(-1)))
    tokens, values = best.indices.tolist(), best.values.tolist()
    return tuple(
        tuple(
            (tokenizer.pieces([token])[0], value)
            for token, value in zip(row, probabilities, strict=True)
            if token != chosen
        )[:_RIVALS]
        for chosen, row, probabilities in zip(reading.target_ids, tokens, values, strict=True)
    )

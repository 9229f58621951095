"""Why a translation came out as it did: where the decoder looked, and what else it had in mind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from common.choices import choices_of
from common.errors import InputError
from translation.careful import Sentence, readable, translate_prepared
from translation.decoding import Decoding
from translation.explanation import Explanation
from translation.reading import read_translations
from translation.texts import split_texts

if TYPE_CHECKING:
    from translation.model import Translator


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
    choices = explanation.choices
    rivals = (
        zip(sentence.shown(piece for piece, _ in each), (value for _, value in each), strict=True)
        for each in choices.rivals
    )
    shown = replace(choices, pieces=sentence.shown(choices.pieces), rivals=tuple(map(tuple, rivals)))
    return replace(explanation, source=sentence.shown(explanation.source), choices=shown)


def explain_sentences(
    translator: Translator, sources: Sequence[str], translations: Sequence[str], languages: tuple[str, str]
) -> list[Explanation]:
    """What each translation looked at and nearly wrote; ``languages`` are those of source and target.

    Raises:
        InputError: A sentence is too long, or the model has no attention.
    """
    if translator.decoder.attention is None:
        raise InputError("this model has no attention: there is nothing to see; take one that has")
    tokenizer = translator.tokenizer
    readings = read_translations(translator, sources, translations, languages[1], keep_logits=True)
    return [
        Explanation(tuple(tokenizer.pieces(ids)), choices_of(reading, tokenizer), *languages)
        for ids, reading in zip(translator.source_ids(sources), readings, strict=True)
    ]

"""A translation that comes piece by piece, as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from common.constraints import Constraints
from common.sampling import Sampling
from translation.careful import Sentence, readable
from translation.decoding import stream_sentence
from translation.network import TranslationNetwork
from translation.texts import split_texts


def stream_text(
    network: TranslationNetwork,
    text: str,
    source: str,
    target: str,
    sampling: Sampling,
    constraints: Constraints,
) -> Iterator[str]:
    """The translation of a text in pieces as they are written; see ``Translator.stream``."""
    ((_, pieces),) = split_texts(network, source, target, [text], [0])
    for piece in pieces:
        if isinstance(piece, Sentence):
            yield from _stream_sentence(network, piece, target, sampling, constraints)
        else:
            yield piece


def _stream_sentence(
    network: TranslationNetwork, sentence: Sentence, target: str, sampling: Sampling, constraints: Constraints
) -> Iterator[str]:
    """What the sentence's translation grows by, whole characters at a time.

    A placeholder that the model leaves out is put at the end, as `Prepared.finish` does.
    """
    constraints = replace(constraints, prefix=sentence.prefix(constraints.prefix))
    prepared, text, given = sentence.prepared, "", 0
    for ids in stream_sentence(network, prepared.text, target, sampling, constraints, sentence.item):
        text = readable(network.tokenizer.decode(ids))
        certain = prepared.begin(text)
        if len(certain) > given:
            yield certain[given:]
            given = len(certain)
    if rest := prepared.finish(text)[given:]:
        yield rest

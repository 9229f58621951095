"""Telling languages apart, many-to-one: the encoder's summary of a text says which it is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from common.tokenizer import Tokenizer

if TYPE_CHECKING:
    from translation.model import Translator
    from translation.records import TranslationBatch

_PART = 6
"""Most tokens of a part of a sentence that telling languages apart is learned from."""


@dataclass(frozen=True)
class Detection:
    """The language that a text seems to be in, and how probable that is."""

    language: str
    probability: float


def language_features(memory: Tensor, summary: Tensor, mask: Tensor) -> Tensor:
    """What languages are told apart by, (batch, 2 x size): an encoder's summary and the mean of its memory.

    Args:
        memory: (batch, length, size).
        summary: (batch, size).
        mask: bool, (batch, length), True where the memory is real.
    """
    real = mask.unsqueeze(-1).to(memory.dtype)
    mean = (memory * real).sum(1) / real.sum(1)
    return torch.cat([summary, mean.to(summary.dtype)], -1)


@torch.inference_mode()
def detect(translator: Translator, texts: Sequence[str], *, alike: bool = False) -> list[Detection]:
    """The language of each text, by its first tokens; "" for a text without letters.

    Args:
        translator: The model whose encoder reads them.
        texts: What to look at.
        alike: They are likely to be in one language, so read a short one in the light of the others.
    """
    limit = translator.config.maximum_length - 1
    rows = [row for row, text in enumerate(texts) if any(map(str.isalpha, text))]
    ids = translator.tokenizer.encode_batch([texts[row][: 8 * limit] for row in rows])
    probabilities = torch.zeros(len(rows), len(translator.languages))
    for places, sources, lengths in translator.batches([[*each[:limit], Tokenizer.EOS] for each in ids]):
        logits = translator.encode(sources, lengths)[1]
        probabilities[places] = logits.float().softmax(-1).cpu()
    if alike:
        probabilities = _in_the_light_of_the_others(probabilities, [min(len(each), limit) for each in ids])
    found = [Detection("", 0.0)] * len(texts)
    for row, each in zip(rows, probabilities, strict=True):
        best = int(each.argmax())
        found[row] = Detection(translator.languages[best], float(each[best]))
    return found


def _in_the_light_of_the_others(probabilities: Tensor, lengths: Sequence[int]) -> Tensor:
    """Bayes' rule: the prior of each row of (texts, languages) is what the others are in.

    Long ones count for more, and no language is ruled out.
    """
    votes = torch.tensor(lengths, dtype=torch.float64).square().unsqueeze(-1)
    expected = probabilities * votes
    # One vote for all languages alike, so that a text without others has nothing to go by.
    others = (expected.sum(0) - expected + 1 / probabilities.size(1)) / (votes.sum() - votes + 1)
    joint = probabilities * (others + 0.02)
    return joint / joint.sum(-1, keepdim=True)


def language_loss(translator: Translator, batch: TranslationBatch, logits: Tensor) -> Tensor:
    """Cross-entropy of the languages of a batch's sources, all of them whole and every fourth in part.

    Args:
        translator: The model in training; its encoder learns nothing from this.
        batch: The sources, their lengths and languages.
        logits: Of the whole sources' languages, (batch, languages).
    """
    languages = batch.source_languages.to(logits.device)
    with torch.no_grad():
        tokens, lengths = _parts(
            batch.source[::4].to(logits.device), batch.source_lengths[::4].to(logits.device)
        )
        encoded = translator.encoder(translator.decoder.embedding(tokens), lengths)
    both = torch.cat([logits, translator.language(language_features(*encoded))])
    return functional.cross_entropy(both.float(), torch.cat([languages, languages[::4]]))


def _parts(source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Of each source some tokens in a row, with the end-of-sentence: what people type is often short.

    Returns:
        The tokens (batch, at most _PART + 1) and how many they are, (batch,).
    """
    words = lengths - 1  # the end-of-sentence is none
    start = (torch.rand(len(source), device=source.device) * words).long()
    most = (words - start).clamp(1, _PART)
    count = 1 + (torch.rand(len(source), device=source.device) * most).long()
    places = torch.arange(_PART + 1, device=source.device)
    tokens = source.gather(1, (start.unsqueeze(1) + places).clamp(max=source.size(1) - 1))
    tokens = tokens.masked_fill(places >= count.unsqueeze(1), Tokenizer.PAD)
    return tokens.scatter(1, count.unsqueeze(1), Tokenizer.EOS), count + 1

"""Telling languages apart, many-to-one: the encoder's summary of a text says which it is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from common.tokenizer import Tokenizer
from translation.network import TranslationNetwork


@dataclass(frozen=True)
class Detection:
    """The language that a text seems to be in, and how probable that is."""

    language: str
    probability: float


@torch.inference_mode()
def detect(network: TranslationNetwork, texts: Sequence[str], *, alike: bool = False) -> list[Detection]:
    """The language of each text, by its first tokens; "" for a text without letters.

    Args:
        network: The model whose encoder reads them.
        texts: What to look at.
        alike: They are likely to be in one language, so read a short one in the light of the others.
    """
    limit = network.config.maximum_length - 1
    rows = [row for row, text in enumerate(texts) if any(map(str.isalpha, text))]
    ids = network.tokenizer.encode_batch([texts[row][: 8 * limit] for row in rows])
    probabilities = torch.zeros(len(rows), len(network.languages))
    for places, sources, lengths in network.batches([[*each[:limit], Tokenizer.EOS] for each in ids]):
        logits = network.encode(sources, lengths)[1]
        probabilities[places] = logits.float().softmax(-1).cpu()
    if alike:
        probabilities = _in_the_light_of_the_others(probabilities, [min(len(each), limit) for each in ids])
    found = [Detection("", 0.0)] * len(texts)
    for row, each in zip(rows, probabilities, strict=True):
        best = int(each.argmax())
        found[row] = Detection(network.languages[best], float(each[best]))
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

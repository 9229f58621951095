"""What languages are told apart by, and what that is learned from."""

import torch
from torch import Tensor

from common.tokenizer import Tokenizer
from common.tokenizer_kinds import BASIC_TOKENS

AUTO = "auto"
"""In place of a source language: find out."""
_PART = 6
"""Most tokens of a part of a sentence that telling languages apart is learned from."""


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


def parts(source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
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


def languages_of(tokenizer: Tokenizer) -> list[str]:
    """The languages that a translator's tokenizer has tags for."""
    return [token.strip("<>") for token in tokenizer.special_tokens[len(BASIC_TOKENS) :]]

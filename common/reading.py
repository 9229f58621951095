"""Reading given texts: how probable their tokens are, and what the decoder looks at for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from common.tokenizer import Tokenizer

if TYPE_CHECKING:
    from common.decoder import Decoder, DecoderState

_BLOCK = 128
"""Tokens whose logits are computed at a time: they stay in the processor's cache."""


@dataclass(frozen=True)
class Reading:
    """A text as a model reads it.

    Attributes:
        ids: Its tokens.
        log_probabilities: Natural log-probability of each given those before it, (length,).
        attention: Where the decoder looked for each, (length, source_length), each row
            summing to 1; None for a model without attention.
        logits: Of each place, (length, vocabulary_size), if they were asked for.
    """

    ids: list[int]
    log_probabilities: Tensor
    attention: Tensor | None
    logits: Tensor | None


@torch.inference_mode()
def read_given(
    decoder: Decoder,
    state: DecoderState,
    firsts: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    *,
    among: Tensor | None = None,
    keep_logits: bool = False,
) -> list[Reading]:
    """Read each target after its first tokens, all places in one call (teacher forcing).

    Args:
        decoder: Who reads.
        state: Before the first tokens, a row for each target; several of them may share a memory.
        firsts: At least one token for each target, such as a language tag, or the beginning and a prompt.
        targets: Tokens, with their end-of-sentence if they have one.
        among: The tokens to choose from, besides the targets' own, bool (vocabulary_size,); None is all.
        keep_logits: Keep the logits too: as many numbers for each token as there are tokens.
    """
    device = decoder.bias.device
    # Of nothing there is nothing to read, but the network wants a token.
    rows = [[*first, *target][:-1] or [Tokenizer.PAD] for first, target in zip(firsts, targets, strict=True)]
    tokens = [torch.tensor(row, dtype=torch.int64, device=device) for row in rows]
    features, _, attention = decoder.read(pad_sequence(tokens, True, Tokenizer.PAD), state)
    mask = None if state.memory is None else state.memory.mask
    places = [
        slice(len(first) - 1, len(first) - 1 + len(target))
        for first, target in zip(firsts, targets, strict=True)
    ]
    seen = torch.cat([features[row, place] for row, place in enumerate(places)])
    chosen = torch.tensor([token for target in targets for token in target], dtype=torch.int64, device=device)
    lengths = [len(target) for target in targets]
    whole, logits = _log_probabilities(decoder, seen, chosen, among, keep_logits)
    log_probabilities = torch.split(whole, lengths)
    kept = [None] * len(targets) if logits is None else torch.split(logits, lengths)
    readings = []
    for row, target in enumerate(targets):
        looked = None
        if attention is not None:
            looked = attention[row, places[row]].float()
            if mask is not None:
                looked = looked[:, mask[row * len(mask) // len(rows)]]
            looked = looked.cpu()
        readings.append(Reading(list(target), log_probabilities[row], looked, kept[row]))
    return readings


def _log_probabilities(
    decoder: Decoder, features: Tensor, chosen: Tensor, among: Tensor | None, keep_logits: bool
) -> tuple[Tensor, Tensor | None]:
    """Of each chosen token, (tokens,), given what the output layer sees; the logits too, if wanted."""
    if among is not None and not keep_logits:
        return _log_probabilities_among(decoder, features, chosen, among), None
    parts, kept = list[Tensor](), list[Tensor]()
    for start in range(0, max(1, len(chosen)), _BLOCK):
        logits = decoder.logits(features[start : start + _BLOCK]).float()
        own = chosen[start : start + _BLOCK].unsqueeze(1)
        picked = logits.gather(1, own)
        if among is not None:
            logits = logits.masked_fill(~among, -torch.inf).scatter(1, own, picked)
        parts.append((picked - logits.logsumexp(1, keepdim=True)).squeeze(1).cpu())
        kept += [logits.cpu()] if keep_logits else []
    return torch.cat(parts), torch.cat(kept) if keep_logits else None


def _log_probabilities_among(decoder: Decoder, features: Tensor, chosen: Tensor, among: Tensor) -> Tensor:
    """The same without weighing the tokens that cannot be chosen."""
    vectors: Tensor = decoder.embedding.weight
    ids, parts = among.nonzero().squeeze(1), list[Tensor]()
    weight, bias = vectors[ids], decoder.bias[ids]
    for start in range(0, max(1, len(chosen)), _BLOCK):
        block, own = features[start : start + _BLOCK], chosen[start : start + _BLOCK]
        picked = ((block * vectors[own]).sum(1) + decoder.bias[own]).float()
        total = functional.linear(block, weight, bias).float().logsumexp(1)
        total = torch.where(among[own], total, torch.logaddexp(total, picked))
        parts.append((picked - total).cpu())
    return torch.cat(parts)

"""Reading given texts: how probable their tokens are, and what the decoder looks at for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from common.tokenizer import Tokenizer

if TYPE_CHECKING:
    from common.decoder import Decoder, DecoderState


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
    keep_logits: bool = False,
) -> list[Reading]:
    """Read each target after its first tokens, all places in one call (teacher forcing).

    Args:
        decoder: Who reads.
        state: Before the first tokens, a row for each target; several of them may share a memory.
        firsts: At least one token for each target, such as a language tag, or the beginning and a prompt.
        targets: Tokens, with their end-of-sentence if they have one.
        keep_logits: Keep the logits too: as many numbers for each token as there are tokens.
    """
    device = decoder.bias.device
    # Of nothing there is nothing to read, but the network wants a token.
    rows = [[*first, *target][:-1] or [Tokenizer.PAD] for first, target in zip(firsts, targets, strict=True)]
    tokens = [torch.tensor(row, dtype=torch.int64, device=device) for row in rows]
    features, _, attention = decoder.read(pad_sequence(tokens, True, Tokenizer.PAD), state)
    mask = None if state.memory is None else state.memory.mask
    readings = []
    for row, (first, target) in enumerate(zip(firsts, targets, strict=True)):
        places = slice(len(first) - 1, len(first) - 1 + len(target))
        logits = decoder.logits(features[row, places]).float()
        chosen = torch.tensor(target, dtype=torch.int64, device=device).unsqueeze(1)
        looked = None
        if attention is not None:
            looked = attention[row, places].float()
            if mask is not None:
                looked = looked[:, mask[row * len(mask) // len(rows)]]
        readings.append(
            Reading(
                list(target),
                (logits.gather(1, chosen) - logits.logsumexp(1, keepdim=True)).squeeze(1).cpu(),
                None if looked is None else looked.cpu(),
                logits.cpu() if keep_logits else None,
            )
        )
    return readings

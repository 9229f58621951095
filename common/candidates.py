"""The best next tokens of each row."""

from typing import NamedTuple

import torch
from torch import Tensor

from common.rules import Rules

_BLOCK = 2**17
"""Logits at a time on a processor: what is done to them then stays in its cache."""


class Candidates(NamedTuple):
    """Next tokens, best first, each part (rows, count).

    ``scores`` are what they were chosen by, minus infinity for what may not come;
    ``log_probabilities`` are the model's own.
    """

    scores: Tensor
    tokens: Tensor
    log_probabilities: Tensor


def best_next(logits: Tensor, history: Tensor, rules: Rules, count: int) -> Candidates:
    """The ``count`` best next tokens of each row under the rules; all, where there are no more.

    Args:
        logits: (rows, vocabulary_size).
        history: What each row has chosen so far, int64 (rows, length).
        rules: What may come, and what is to be preferred.
        count: How many; of one alone, of equals the first is taken.
    """
    rows = max(1, _BLOCK // logits.size(-1)) if logits.device.type == "cpu" else len(logits)
    if len(logits) <= rows:
        return _best(logits, history, rules, count)
    blocks = (slice(start, start + rows) for start in range(0, len(logits), rows))
    parts = [_best(logits[block], history[block], rules, count) for block in blocks]
    return Candidates(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _best(logits: Tensor, history: Tensor, rules: Rules, count: int) -> Candidates:
    distribution = logits.float().log_softmax(-1)
    scores = rules.apply(distribution, history)
    if count == 1:
        tokens = _first_best(scores)
        best = scores.gather(-1, tokens)
    else:
        best, tokens = scores.topk(min(count, scores.size(-1)))
    return Candidates(best, tokens, distribution.gather(-1, tokens))


def _first_best(scores: Tensor) -> Tensor:
    """The token of each row's highest score, (rows, 1)."""
    if scores.device.type != "cpu":
        return scores.argmax(-1, keepdim=True)
    # PyTorch's takes several times as long, one number after the other.
    return torch.from_numpy(scores.detach().numpy().argmax(-1)).unsqueeze(-1)

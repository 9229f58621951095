"""Drawing one token from a distribution: temperature, and which tokens stay in the draw."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How to draw tokens.

    Attributes:
        temperature: Divides the logits: below 1 sharpens, above 1 flattens, 0 is greedy.
        top_k: Draw from the k most likely tokens only; None or 0 for all.
        top_p: Draw from the fewest most likely tokens that together have at least this
            probability (nucleus, Holtzman et al., 2020, arXiv:1904.09751); None or 1 for all.
        min_p: Draw from the tokens at least so many times as probable as the most likely one
            (Nguyen et al., 2024, arXiv:2407.01082); None or 0 for all.
        typical: Draw from the fewest tokens that together have at least this probability, those
            first that are as surprising as the model expects the next one to be (locally typical
            sampling, Meister et al., 2022, arXiv:2202.00666); None or 1 for all.
        count: How many samples to draw for each item.
        seed: Each item has random numbers of its own, made from this and its number, so
            that a result does not change with what else is in the batch.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical: float | None = None
    count: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature must be a finite number of 0 or more, got {self.temperature}")
        if self.top_k is not None and self.top_k < 0:
            raise ValueError(f"top_k must be 0 or more, got {self.top_k}")
        for name in ("top_p", "min_p", "typical"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {share}")
        if self.count < 1:
            raise ValueError(f"count must be at least 1, got {self.count}")

    @property
    def is_greedy(self) -> bool:
        """Whether only the most likely token is ever drawn."""
        return self.temperature == 0 or self.top_k == 1


GREEDY = Sampling(temperature=0.0)
"""The most likely token at each step."""


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Set all but the k highest of each row to minus infinity; of equals, only as many as fit."""
    values, tokens = logits.topk(min(k, logits.size(-1)))
    return torch.full_like(logits, -torch.inf).scatter(-1, tokens, values)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep each row's fewest most likely tokens whose probabilities sum to at least p, always one."""
    return _keep_first(logits, logits.argsort(stable=True, dim=-1, descending=True), p)


def keep_min_p(logits: Tensor, p: float) -> Tensor:
    """Keep each row's tokens that are at least p times as probable as its most likely one, always that."""
    if p == 0:
        return logits
    return logits.masked_fill(logits < logits.amax(-1, keepdim=True) + math.log(p), -torch.inf)


def keep_typical(logits: Tensor, p: float) -> Tensor:
    """Keep each row's fewest most typical tokens whose probabilities sum to at least p, always one.

    A token is the more typical the nearer its surprise, -log probability, is to the
    entropy of its row, which is the surprise to be expected.
    """
    surprise = -logits.log_softmax(-1)
    entropy = torch.special.entr(logits.softmax(-1)).sum(-1, keepdim=True)
    return _keep_first(logits, (surprise - entropy).abs().argsort(stable=True, dim=-1), p)


def _keep_first(logits: Tensor, order: Tensor, p: float) -> Tensor:
    """Keep of each row's tokens, in the given ``order``, the first that together have probability p."""
    values = logits.gather(-1, order)
    probabilities = values.softmax(-1)
    # A token is dropped when those before it are already enough.
    enough = probabilities.cumsum(-1) - probabilities >= p
    enough[..., 0] = False
    return torch.full_like(logits, -torch.inf).scatter(-1, order, values.masked_fill(enough, -torch.inf))


def draw(logits: Tensor, sampling: Sampling, uniform: Tensor) -> Tensor:
    """Draw one token for each row by inverting the cumulative distribution.

    Temperature, top-k, top-p, min-p and typicality narrow the distribution, in this order: each
    sees what those before it have left. Temperature 0 takes the most likely token, of equals the first.

    Args:
        logits: Unnormalised log-probabilities, (batch, vocabulary_size).
        sampling: The settings.
        uniform: A random number in [0, 1) for each row, (batch,); not looked at by temperature 0.

    Returns:
        Tokens, int64, (batch,).
    """
    if sampling.is_greedy:
        return logits.argmax(-1)
    # 64 bits: otherwise the rounding of a sum over a large vocabulary would favour some tokens. On the
    # processor, as not every accelerator has them. The highest becomes 0, so that no temperature overflows.
    logits, device = logits.to("cpu", torch.float64), logits.device
    logits = (logits - logits.amax(-1, keepdim=True)) / sampling.temperature
    if sampling.top_k:
        logits = keep_top_k(logits, sampling.top_k)
    if sampling.top_p is not None and sampling.top_p < 1:
        logits = keep_top_p(logits, sampling.top_p)
    if sampling.min_p:
        logits = keep_min_p(logits, sampling.min_p)
    if sampling.typical is not None and sampling.typical < 1:
        logits = keep_typical(logits, sampling.typical)
    cumulative = logits.softmax(-1).cumsum(-1)
    # Just below the total even after rounding, so that a token of probability 0 is never drawn.
    target = uniform.to(cumulative).unsqueeze(-1).clamp(max=1 - 1e-12) * cumulative[..., -1:]
    return torch.searchsorted(cumulative, target, right=True).squeeze(-1).to(device)

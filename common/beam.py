"""Beam search: its settings, and how the kept hypotheses grow by a token."""

from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class Beam:
    """Beam search settings.

    Attributes:
        size: Number of hypotheses kept for each item.
        length_penalty: Hypotheses are ranked by log-probability / length ** length_penalty:
            0 favours short ones, 1 ranks by the average for each token.
        count: How many of the best to return.
    """

    size: int = 5
    length_penalty: float = 1.0
    count: int = 1

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")
        if not 1 <= self.count <= self.size:
            raise ValueError(f"count must be from 1 to the beam's size {self.size}, got {self.count}")
        if not isfinite(self.length_penalty):
            raise ValueError(f"length_penalty must be a finite number, got {self.length_penalty}")

    def rank(self, score: float, length: int) -> float:
        """What hypotheses are ranked by; ``length`` counts the end-of-sentence."""
        return score / float(length**self.length_penalty)


class Front(NamedTuple):
    """The hypotheses that a search is at, for each item best first.

    ``totals`` are their log-probabilities (items, places), minus infinity where a place is
    empty; ``tokens`` and the log-probability of each, ``steps``, are (items, places, length);
    ``parents`` are the places that they grew from.
    """

    totals: Tensor
    tokens: Tensor
    steps: Tensor
    parents: Tensor

    def grow(self, logits: Tensor, mask: Tensor) -> "Front":
        """The best continuations by one token of any kind, twice as many as there are places."""
        items, size = self.totals.shape
        distribution = logits.float().log_softmax(-1).view(items, size, -1)
        reached = (self.totals.unsqueeze(-1) + distribution + mask).flatten(1)
        # At most half of them end here, one for each parent: enough are left to go on.
        totals, places = reached.topk(min(2 * size, reached.size(1)))
        parents, chosen = places // logits.size(-1), places % logits.size(-1)
        tokens = torch.cat([_at(self.tokens, parents), chosen.unsqueeze(-1)], -1)
        added = distribution.flatten(1).gather(1, places)
        steps = torch.cat([_at(self.steps, parents), added.unsqueeze(-1)], -1)
        return Front(totals, tokens, steps, parents)

    def going_on(self, ended: Tensor, size: int) -> "Front":
        """The ``size`` best that have not ``ended``, bool (items, places)."""
        places = ended.to(torch.int8).argsort(dim=1, stable=True)[:, :size]
        kept = self._replace(totals=self.totals.masked_fill(ended, -torch.inf))
        return Front(*(_at(each, places) for each in kept))


def _at(values: Tensor, places: Tensor) -> Tensor:
    """Values (items, size, ...) at ``places`` (items, n) of each item."""
    index = places.view(*places.shape, *[1] * (values.ndim - 2)).expand(*places.shape, *values.shape[2:])
    return values.gather(1, index)

"""Beam search: its settings, and how the kept hypotheses grow by a token."""

from dataclasses import dataclass
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
        diversity: Above 0 the beam is divided into ``count`` groups, which are kept apart by so
            many nats for each token in common at a step.
    """

    size: int = 5
    length_penalty: float = 1.0
    count: int = 1
    diversity: float = 0.0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")
        if not 1 <= self.count <= self.size:
            raise ValueError(f"count must be from 1 to the beam's size {self.size}, got {self.count}")
        # Far more than is of use, and no power of a length overflows.
        if not -10 <= self.length_penalty <= 10:
            raise ValueError(f"length_penalty must be from -10 to 10, got {self.length_penalty}")
        if not 0 <= self.diversity < float("inf"):
            raise ValueError(f"diversity must be a finite number of 0 or more, got {self.diversity}")
        if self.diversity and self.size % self.count:
            raise ValueError(f"size must be a multiple of count {self.count}, got {self.size}")

    @property
    def groups(self) -> int:
        """How many parts of the beam keep apart from each other."""
        return self.count if self.diversity else 1

    @property
    def width(self) -> int:
        """How many hypotheses each part keeps."""
        return self.size // self.groups

    def rank(self, score: float, length: int) -> float:
        """What hypotheses are ranked by; ``length`` counts the end-of-sentence."""
        return score / float(length**self.length_penalty)


class Front(NamedTuple):
    """The hypotheses that a search is at; each group of each item has a row of places, best first.

    ``totals`` are their log-probabilities (rows, places), minus infinity where a place is
    empty; ``tokens`` and the log-probability of each, ``steps``, are (rows, places, length);
    ``parents`` are the places that they grew from.
    """

    totals: Tensor
    tokens: Tensor
    steps: Tensor
    parents: Tensor

    @classmethod
    def begin(cls, rows: int, size: int, device: torch.device) -> "Front":
        """Nothing yet: one place of each row is filled, so that there is no special first step."""
        totals = torch.full((rows, size), -torch.inf, dtype=torch.float32, device=device)
        totals[:, 0] = 0.0
        parents = torch.zeros_like(totals, dtype=torch.int64)
        return cls(totals, parents.new_empty(rows, size, 0), totals.new_empty(rows, size, 0), parents)

    def grow(self, distribution: Tensor, scores: Tensor, beam: Beam, eos: int | None) -> "Front":
        """The best continuations by one token of any kind, twice as many as there are places.

        Args:
            distribution: Log-probabilities of the next token, (rows x places, vocabulary_size).
            scores: What to choose by, of the same shape.
            beam: The settings; the rows are those of its groups.
            eos: The token that ends a hypothesis.
        """
        rows, size = self.totals.shape
        vocabulary = distribution.size(-1)
        reached = self.totals.unsqueeze(-1) + scores.view(rows, size, -1)
        # At most half of them end here, one for each parent: enough are left to go on.
        count = min(2 * size, size * vocabulary)
        if beam.groups == 1:
            totals, places = reached.flatten(1).topk(count)
        else:
            totals, places = _diverse(reached, self.tokens, count, beam, eos)
        parents, chosen = places // vocabulary, places % vocabulary
        tokens = torch.cat([_at(self.tokens, parents), chosen.unsqueeze(-1)], -1)
        added = distribution.view(rows, -1).gather(1, places)
        steps = torch.cat([_at(self.steps, parents), added.unsqueeze(-1)], -1)
        return Front(totals, tokens, steps, parents)

    def going_on(self, ended: Tensor, size: int) -> "Front":
        """The ``size`` best that have not ``ended``, bool (rows, places)."""
        places = ended.to(torch.int8).argsort(dim=1, stable=True)[:, :size]
        kept = self._replace(totals=self.totals.masked_fill(ended, -torch.inf))
        return Front(*(_at(each, places) for each in kept))


def _diverse(
    reached: Tensor, tokens: Tensor, count: int, beam: Beam, eos: int | None
) -> tuple[Tensor, Tensor]:
    """The totals and places, (rows, count), of what the groups of each item choose, one after another.

    A token that groups before keep at this step costs ``beam.diversity`` for each time, and a
    whole hypothesis of theirs is not chosen again.
    Source: Vijayakumar et al., 2018, arXiv:1610.02424, with the Hamming distance.

    Args:
        reached: Totals of all continuations, (rows, places, vocabulary_size).
        tokens: What they continue, (rows, places, length).
        count: How many to choose: those to keep, and as many as may end beside them.
        beam: The settings.
        eos: The token that ends a hypothesis.
    """
    items, vocabulary = len(reached) // beam.groups, reached.size(-1)
    reached, tokens = (each.view(items, beam.groups, *each.shape[1:]) for each in (reached, tokens))
    cost = reached.new_zeros(items, vocabulary)
    taken = tokens.new_empty(items, 0, tokens.size(-1) + 1)
    totals, places = [], []
    for group in range(beam.groups):
        scores = _except(taken, reached[:, group] - cost.unsqueeze(1), tokens[:, group], eos).flatten(1)
        best, chosen = scores.topk(count)
        places.append(chosen)
        totals.append(reached[:, group].flatten(1).gather(1, chosen).masked_fill(best.isneginf(), -torch.inf))
        last = chosen % vocabulary
        # Those that go on, and those that end before them in the order.
        on = last != (-1 if eos is None else eos)
        first = torch.arange(count, device=last.device) < beam.width
        kept = torch.where(on, on.cumsum(1) <= beam.width, first) & totals[-1].isfinite()
        cost.scatter_add_(1, last, kept * beam.diversity)
        whole = torch.cat([_at(tokens[:, group], chosen // vocabulary), last.unsqueeze(-1)], -1)
        taken = torch.cat([taken, whole.masked_fill(~kept.unsqueeze(-1), -1)], 1)
    return torch.stack(totals, 1).flatten(0, 1), torch.stack(places, 1).flatten(0, 1)


def _except(taken: Tensor, scores: Tensor, tokens: Tensor, eos: int | None) -> Tensor:
    """Scores (items, places, vocabulary_size), minus infinity for what is ``taken`` already.

    What goes on may be taken twice if nothing else is left: other ways may lead on from there.
    ``tokens`` (items, places, length) are what the scores continue, and ``taken`` (items, n, length + 1)
    whole hypotheses, -1 where there is none.
    """
    before, last = taken[:, :, :-1], taken[:, :, -1]
    same = (tokens.unsqueeze(2) == before.unsqueeze(1)).all(-1) & (last >= 0).unsqueeze(1)
    item, place, other = same.nonzero(as_tuple=True)
    token = last[item, other]
    ended = token == (-1 if eos is None else eos)
    scores = scores.index_put((item[ended], place[ended], token[ended]), scores.new_tensor(-torch.inf))
    fresh = scores.index_put((item, place, token), scores.new_tensor(-torch.inf))
    return torch.where(fresh.amax((1, 2), keepdim=True).isneginf(), scores, fresh)


def _at(values: Tensor, places: Tensor) -> Tensor:
    """Values (rows, size, ...) at ``places`` (rows, n) of each row."""
    index = places.view(*places.shape, *[1] * (values.ndim - 2)).expand(*places.shape, *values.shape[2:])
    return values.gather(1, index)

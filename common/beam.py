"""Beam search: its settings, and how the kept hypotheses grow by a token."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from common.candidates import Candidates


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

    @property
    def candidates(self) -> int:
        """How many next tokens of a hypothesis can be among those to keep.

        Twice as many as places, as one for each parent may end; of a group also as many as what the
        groups before it keep can push back.
        """
        return 2 * self.size if self.groups == 1 else 2 * self.width + 2 * self.size

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

    def grow(self, candidates: Candidates, beam: Beam, eos: int | None) -> "Front":
        """The best continuations by one token of any kind, twice as many as there are places.

        Args:
            candidates: The best next tokens of each place, (rows x places, count).
            beam: The settings; the rows are those of its groups.
            eos: The token that ends a hypothesis.
        """
        rows, size = self.totals.shape
        scores, following, added = (each.view(rows, size, -1) for each in candidates)
        reached = self.totals.unsqueeze(-1) + scores
        # At most half of them end here, one for each parent: enough are left to go on.
        count = min(2 * size, reached[0].numel())
        if beam.groups == 1:
            totals, places = reached.flatten(1).topk(count)
        else:
            totals, places = _diverse(reached, following, self.tokens, count, beam, eos)
        parents, chosen = places // scores.size(-1), following.flatten(1).gather(1, places)
        tokens = torch.cat([_at(self.tokens, parents), chosen.unsqueeze(-1)], -1)
        steps = torch.cat([_at(self.steps, parents), added.flatten(1).gather(1, places).unsqueeze(-1)], -1)
        return Front(totals, tokens, steps, parents)

    def going_on(self, ended: Tensor, size: int) -> "Front":
        """The ``size`` best that have not ``ended``, bool (rows, places)."""
        if not ended.any():
            return Front(*(each[:, :size] for each in self))
        places = ended.to(torch.int8).argsort(dim=1, stable=True)[:, :size]
        kept = self._replace(totals=self.totals.masked_fill(ended, -torch.inf))
        return Front(*(_at(each, places) for each in kept))


def _diverse(
    reached: Tensor, following: Tensor, tokens: Tensor, count: int, beam: Beam, eos: int | None
) -> tuple[Tensor, Tensor]:
    """The totals and places, (rows, count), of what the groups of each item choose, one after another.

    A token that groups before keep at this step costs ``beam.diversity`` for each time, and a
    whole hypothesis of theirs is not chosen again.
    Source: Vijayakumar et al., 2018, arXiv:1610.02424, with the Hamming distance.

    Args:
        reached: Totals of the continuations, (rows, places, candidates).
        following: The tokens that they continue with, of the same shape.
        tokens: What they continue, (rows, places, length).
        count: How many to choose: those to keep, and as many as may end beside them.
        beam: The settings.
        eos: The token that ends a hypothesis.
    """
    items = len(reached) // beam.groups
    reached, following, tokens = (
        each.view(items, beam.groups, *each.shape[1:]) for each in (reached, following, tokens)
    )
    # What the groups before keep: their last tokens, -1 where nothing, and the whole of it.
    last, taken = tokens.new_empty(items, 0), tokens.new_empty(items, 0, tokens.size(-1) + 1)
    totals, places = [], []
    for group in range(beam.groups):
        cost = (following[:, group].flatten(1).unsqueeze(-1) == last.unsqueeze(1)).sum(-1) * beam.diversity
        scores = reached[:, group] - cost.view_as(reached[:, group])
        scores = _except(taken, scores, following[:, group], tokens[:, group], eos).flatten(1)
        best, chosen = scores.topk(count)
        places.append(chosen)
        totals.append(reached[:, group].flatten(1).gather(1, chosen).masked_fill(best.isneginf(), -torch.inf))
        added = following[:, group].flatten(1).gather(1, chosen)
        # Those that go on, and those that end before them in the order.
        on = added != (-1 if eos is None else eos)
        first = torch.arange(count, device=added.device) < beam.width
        kept = torch.where(on, on.cumsum(1) <= beam.width, first) & totals[-1].isfinite()
        last = torch.cat([last, added.masked_fill(~kept, -1)], 1)
        parents = chosen // following.size(-1)
        whole = torch.cat([_at(tokens[:, group], parents), added.unsqueeze(-1)], -1)
        taken = torch.cat([taken, whole.masked_fill(~kept.unsqueeze(-1), -1)], 1)
    return torch.stack(totals, 1).flatten(0, 1), torch.stack(places, 1).flatten(0, 1)


def _except(taken: Tensor, scores: Tensor, following: Tensor, tokens: Tensor, eos: int | None) -> Tensor:
    """Scores (items, places, candidates), minus infinity for what is ``taken`` already.

    What goes on may be taken twice if nothing else is left: other ways may lead on from there.
    The scores are of ``tokens`` (items, places, length), continued with ``following`` (items, places,
    candidates); ``taken`` (items, n, length + 1) are whole hypotheses, -1 where there is none.
    """
    before, last = taken[:, :, :-1], taken[:, :, -1]
    same = (tokens.unsqueeze(2) == before.unsqueeze(1)).all(-1)
    again = (same.unsqueeze(2) & (following.unsqueeze(-1) == last[:, None, None])).any(-1)
    ends = following == (-1 if eos is None else eos)
    scores = scores.masked_fill(again & ends, -torch.inf)
    fresh = scores.masked_fill(again, -torch.inf)
    return torch.where(fresh.amax((1, 2), keepdim=True).isneginf(), scores, fresh)


def _at(values: Tensor, places: Tensor) -> Tensor:
    """Values (rows, size, ...) at ``places`` (rows, n) of each row."""
    index = places.view(*places.shape, *[1] * (values.ndim - 2)).expand(*places.shape, *values.shape[2:])
    return values.gather(1, index)

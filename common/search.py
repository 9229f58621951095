"""All decoding, over one contract: ``step(tokens, state) -> (logits, state)``.

Whatever the state is, a photograph, a sentence or a prompt has made it; decoding
only asks it for :meth:`State.select` and :meth:`State.widen`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from common.sampling import Sampling, draw


class State(Protocol):
    """What a step carries along, one row for each sequence."""

    def select(self, rows: Tensor) -> Self:
        """The states of ``rows``, int64 (n,), in that order."""
        ...

    def widen(self, width: int) -> Self:
        """Each row ``width`` times, side by side."""
        ...


S = TypeVar("S", bound=State)
Step = Callable[[Tensor, S], tuple[Tensor, S]]
"""Reads tokens (rows, length); returns logits (rows, length, vocabulary_size) and the state after."""


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

    def rank(self, score: float, length: int) -> float:
        """What hypotheses are ranked by; ``length`` counts the end-of-sentence."""
        return score / float(length**self.length_penalty)

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")
        if not 1 <= self.count <= self.size:
            raise ValueError(f"count must be from 1 to the beam's size {self.size}, got {self.count}")


Strategy = Beam | Sampling


@dataclass(frozen=True)
class Hypothesis:
    """One decoded sequence.

    Attributes:
        tokens: Ids, without prompt and end-of-sentence.
        log_probabilities: Natural log-probability of each token under the model as it is (no
            temperature, no cuts), and of the end-of-sentence last if it was reached.
        finished: Whether the end-of-sentence was reached before the length limit.
    """

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    finished: bool

    @property
    def score(self) -> float:
        """Log-probability of the whole sequence."""
        return sum(self.log_probabilities)


def decode(
    step: Step[S],
    state: S,
    prompt: Tensor,
    strategy: Strategy,
    *,
    eos: int | None,
    max_length: int,
    forbidden: Sequence[int] = (),
    items: Sequence[int] | None = None,
) -> list[list[Hypothesis]]:
    """Continue every row of ``prompt`` until its end-of-sentence or ``max_length`` tokens.

    Args:
        step: The model.
        state: Its state before the prompt, one row for each item.
        prompt: Tokens that every result starts from, int64 (batch, length), length at least 1.
        strategy: Beam search or sampling (temperature 0 for greedy).
        eos: The token that ends a sequence; None to stop by length alone.
        max_length: Most tokens to add, the end-of-sentence counted.
        forbidden: Tokens never to be chosen.
        items: The number of each row in the user's input, from which its random numbers are
            made; by default 0, 1, 2, ...

    Returns:
        For each row its ``strategy.count`` hypotheses, best first for a beam.
    """
    if prompt.ndim != 2 or prompt.size(1) < 1:
        raise ValueError(f"prompt must be (batch, length) with length at least 1, got {tuple(prompt.shape)}")
    if max_length < 1:
        raise ValueError(f"max_length must be at least 1, got {max_length}")
    if not len(prompt):
        return []
    whole, state = step(prompt, state)
    logits = whole[:, -1]
    mask = torch.zeros(logits.size(-1), device=logits.device)
    mask[list(forbidden)] = -torch.inf
    rules = _Rules(eos, max_length, mask)
    if isinstance(strategy, Beam):
        return _beam_search(step, state, logits, strategy, rules)
    return _sample(step, state, logits, strategy, rules, items=items or range(len(prompt)))


@dataclass(frozen=True)
class _Rules:
    """When to stop, and what to add to the log-probabilities: minus infinity for forbidden tokens."""

    eos: int | None
    max_length: int
    mask: Tensor


def _sample(
    step: Step[S], state: S, logits: Tensor, sampling: Sampling, rules: _Rules, *, items: Sequence[int]
) -> list[list[Hypothesis]]:
    """Draw token after token, each sample with random numbers of its own."""
    # Hashed, so that neighbouring items share nothing.
    sources = [Random(f"{sampling.seed}/{item}/{copy}") for item in items for copy in range(sampling.count)]
    tokens: list[list[int]] = [[] for _ in sources]
    log_probabilities: list[list[float]] = [[] for _ in sources]
    finished = [False] * len(sources)
    alive = list(range(len(sources)))
    rows = torch.arange(len(logits), device=logits.device).repeat_interleave(sampling.count)
    state, logits = state.select(rows), logits[rows]
    for length in range(1, rules.max_length + 1):
        distribution = logits.float().log_softmax(-1)
        uniform = torch.tensor([sources[row].random() for row in alive], dtype=torch.float64)
        chosen = draw(distribution + rules.mask, sampling, uniform)
        scores = distribution.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)
        for row, token, score in zip(alive, chosen.tolist(), scores.tolist(), strict=True):
            log_probabilities[row].append(score)
            finished[row] = token == rules.eos
            if not finished[row]:
                tokens[row].append(token)
        keep = [index for index, row in enumerate(alive) if not finished[row]]
        if not keep or length == rules.max_length:
            break
        if len(keep) < len(alive):
            alive = [alive[index] for index in keep]
            kept = torch.tensor(keep, device=logits.device)
            state, chosen = state.select(kept), chosen[kept]
        whole, state = step(chosen.unsqueeze(-1), state)
        logits = whole[:, -1]
    results = [
        Hypothesis(tuple(ids), tuple(scores), ended)
        for ids, scores, ended in zip(tokens, log_probabilities, finished, strict=True)
    ]
    return [results[start : start + sampling.count] for start in range(0, len(results), sampling.count)]


@dataclass(frozen=True)
class _Front:
    """The hypotheses that a search is at, for each item best first.

    Attributes:
        totals: Log-probability of each, (items, places); minus infinity where a place is empty.
        tokens: (items, places, length).
        steps: Log-probability of each token, (items, places, length).
        parents: The place that each grew from, (items, places).
    """

    totals: Tensor
    tokens: Tensor
    steps: Tensor
    parents: Tensor

    @classmethod
    def start(cls, items: int, size: int, device: torch.device) -> Self:
        """Nothing yet. Only one place of each item is filled, so that there is no special first step."""
        totals = torch.full((items, size), -torch.inf, device=device)
        totals[:, 0] = 0.0
        parents = torch.zeros(items, size, dtype=torch.long, device=device)
        return cls(totals, parents.new_zeros(items, size, 0), totals.new_zeros(items, size, 0), parents)

    def grow(self, logits: Tensor, mask: Tensor) -> "_Front":
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
        return _Front(totals, tokens, steps, parents)

    def going_on(self, ended: Tensor, size: int) -> "_Front":
        """The ``size`` best that have not ``ended``, bool (items, places)."""
        places = ended.to(torch.int8).argsort(dim=1, stable=True)[:, :size]
        totals = self.totals.masked_fill(ended, -torch.inf)
        return _Front(*(_at(each, places) for each in (totals, self.tokens, self.steps, self.parents)))

    def of_items(self, items: Tensor) -> "_Front":
        return _Front(self.totals[items], self.tokens[items], self.steps[items], self.parents[items])

    def hypothesis(self, item: int, place: int, *, finished: bool) -> Hypothesis:
        tokens = self.tokens[item, place].tolist()
        steps = self.steps[item, place].tolist()
        return Hypothesis(tuple(tokens[:-1] if finished else tokens), tuple(steps), finished)


def _at(values: Tensor, places: Tensor) -> Tensor:
    """Values (items, size, ...) at ``places`` (items, n) of each item."""
    index = places.view(*places.shape, *[1] * (values.ndim - 2)).expand(*places.shape, *values.shape[2:])
    return values.gather(1, index)


def _beam_search(
    step: Step[S], state: S, logits: Tensor, beam: Beam, rules: _Rules
) -> list[list[Hypothesis]]:
    """Keep the ``beam.size`` best open hypotheses of each item; set aside those that end among them."""
    found: list[list[Hypothesis]] = [[] for _ in logits]
    open_items = list(range(len(logits)))
    front = _Front.start(len(logits), beam.size, logits.device)
    state, logits = state.widen(beam.size), logits.repeat_interleave(beam.size, 0)
    for length in range(1, rules.max_length + 1):
        grown = front.grow(logits, rules.mask)
        ended = grown.tokens[:, :, -1] == (-1 if rules.eos is None else rules.eos)
        for item, place in (ended & grown.totals.isfinite())[:, : beam.size].nonzero().tolist():
            found[open_items[item]].append(grown.hypothesis(item, place, finished=True))
        front = grown.going_on(ended, beam.size)
        if length == rules.max_length:
            for item, place in front.totals.isfinite().nonzero().tolist():
                found[open_items[item]].append(front.hypothesis(item, place, finished=False))
            break
        hopes = front.totals[:, 0].tolist()
        keep = [i for i, item in enumerate(open_items) if not _settled(found[item], beam, hopes[i], length)]
        if not keep:
            break
        open_items = [open_items[i] for i in keep]
        kept = torch.tensor(keep, device=logits.device)
        front = front.of_items(kept)
        rows = (kept.unsqueeze(1) * beam.size + front.parents).flatten()
        whole, state = step(front.tokens[:, :, -1:].flatten(0, 1), state.select(rows))
        logits = whole[:, -1]
    return [_best(hypotheses, beam) for hypotheses in found]


def _best(found: list[Hypothesis], beam: Beam) -> list[Hypothesis]:
    """Finished ones first: one cut off by the length limit is only better than none."""
    ranked = sorted(
        found, key=lambda h: (h.finished, beam.rank(h.score, len(h.log_probabilities))), reverse=True
    )
    return ranked[: beam.count]


def _settled(found: list[Hypothesis], beam: Beam, hope: float, length: int) -> bool:
    """Whether to stop: enough have finished, and none going on would be better if it ended next.

    ``hope`` is the best total of those going on, after ``length`` tokens. With a length penalty above 0
    one that goes on much longer might still win; waiting for it costs more than it gains.
    """
    if hope == -torch.inf:
        return True
    if len(found) < beam.size:
        return False
    last = _best(found, beam)[-1]
    return beam.rank(hope, length + 1) <= beam.rank(last.score, len(last.log_probabilities))

"""All decoding, over one contract: ``step(tokens, state) -> (logits, state)``.

Whatever the state is, a photograph, a sentence or a prompt has made it; decoding
only asks it for :meth:`State.select` and :meth:`State.widen`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, Protocol, Self, TypeVar

import torch
from torch import Tensor

from common.beam import Beam, Front
from common.sampling import Sampling, draw

__all__ = ["Beam", "Hypothesis", "State", "Step", "Strategy", "decode"]


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
    min_length: int = 0,
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
        min_length: Tokens before which the end-of-sentence is not chosen, itself not counted.
        forbidden: Tokens never to be chosen.
        items: The number of each row in the user's input, which its random numbers come from.

    Returns:
        For each row its ``strategy.count`` hypotheses, best first for a beam; fewer only where
        there are no more.

    Raises:
        ValueError: The prompt, ``max_length``, ``forbidden`` or ``items`` is not as above.
    """
    if prompt.ndim != 2 or prompt.size(1) < 1:
        raise ValueError(f"prompt must be (batch, length) with length at least 1, got {tuple(prompt.shape)}")
    if max_length < 1:
        raise ValueError(f"max_length must be at least 1, got {max_length}")
    if items is not None and len(items) != len(prompt):
        raise ValueError(f"items must number the {len(prompt)} rows of the prompt, got {len(items)}")
    if not len(prompt):
        return []
    whole, state = step(prompt, state)
    logits = whole[:, -1]
    mask = torch.zeros(logits.size(-1), device=logits.device)
    mask[list(forbidden)] = -torch.inf
    rules = _Rules(eos, min_length, max_length, mask)
    if rules.mask_at(1).isinf().all():
        raise ValueError("forbidden must leave a token to choose")
    if isinstance(strategy, Beam):
        return _beam_search(step, state, logits, strategy, rules)
    return _sample(step, state, logits, strategy, rules, range(len(prompt)) if items is None else items)


class _Rules(NamedTuple):
    """When to stop, and what to add to the log-probabilities: minus infinity for forbidden tokens."""

    eos: int | None
    min_length: int
    max_length: int
    mask: Tensor

    def mask_at(self, length: int) -> Tensor:
        """What to add for the token that makes the sequence ``length`` long, (vocabulary_size,)."""
        if self.eos is None or length > self.min_length:
            return self.mask
        return self.mask.index_fill(0, torch.tensor([self.eos], device=self.mask.device), -torch.inf)

    def hypothesis(self, tokens: Sequence[int], log_probabilities: Sequence[float]) -> Hypothesis:
        """Of ``tokens`` with the end-of-sentence, if it was reached."""
        finished = tokens[-1] == self.eos
        return Hypothesis(tuple(tokens[:-1] if finished else tokens), tuple(log_probabilities), finished)


def _sample(
    step: Step[S], state: S, logits: Tensor, sampling: Sampling, rules: _Rules, items: Sequence[int]
) -> list[list[Hypothesis]]:
    """Draw token after token, each sample with random numbers of its own."""
    count = sampling.count
    # Hashed, so that neighbouring items share nothing.
    sources = [Random(f"{sampling.seed}/{item}/{copy}") for item in items for copy in range(count)]
    tokens: list[list[int]] = [[] for _ in sources]
    scores: list[list[float]] = [[] for _ in sources]
    alive = list(range(len(sources)))
    rows = torch.arange(len(logits), device=logits.device).repeat_interleave(count)
    state, logits = state.select(rows), logits[rows]
    for length in range(1, rules.max_length + 1):
        distribution = logits.float().log_softmax(-1)
        uniform = torch.tensor([sources[row].random() for row in alive], dtype=torch.float64)
        chosen = draw(distribution + rules.mask_at(length), sampling, uniform)
        added = distribution.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)
        for row, token, score in zip(alive, chosen.tolist(), added.tolist(), strict=True):
            tokens[row].append(token)
            scores[row].append(score)
        keep = [index for index, row in enumerate(alive) if tokens[row][-1] != rules.eos]
        if not keep or length == rules.max_length:
            break
        if len(keep) < len(alive):
            alive = [alive[index] for index in keep]
            kept = torch.tensor(keep, device=logits.device)
            state, chosen = state.select(kept), chosen[kept]
        whole, state = step(chosen.unsqueeze(-1), state)
        logits = whole[:, -1]
    results = [rules.hypothesis(*each) for each in zip(tokens, scores, strict=True)]
    return [results[start : start + count] for start in range(0, len(results), count)]


def _beam_search(
    step: Step[S], state: S, logits: Tensor, beam: Beam, rules: _Rules
) -> list[list[Hypothesis]]:
    """Keep the ``beam.size`` best open hypotheses of each item; set aside those that end among them."""
    items, size = len(logits), beam.size
    found: list[list[Hypothesis]] = [[] for _ in range(items)]
    searched = found  # of the items whose search goes on
    # At first only one place of each item is filled, so that there is no special first step.
    totals = logits.new_full((items, size), -torch.inf, dtype=torch.float32)
    totals[:, 0] = 0.0
    nothing = totals.new_zeros(items, size, 0)
    front = Front(totals, nothing.long(), nothing, torch.zeros_like(totals, dtype=torch.long))
    state, logits = state.widen(size), logits.repeat_interleave(size, 0)
    for length in range(1, rules.max_length + 1):
        grown = front.grow(logits, rules.mask_at(length))
        ended = grown.tokens[:, :, -1] == (-1 if rules.eos is None else rules.eos)
        _set_aside(searched, grown, ended[:, :size], rules)
        front = grown.going_on(ended, size)
        if length == rules.max_length:
            _set_aside(searched, front, front.totals.isfinite(), rules)
            break
        hopes = front.totals[:, 0].tolist()
        keep = [i for i, each in enumerate(searched) if not _settled(each, beam, hopes[i], length)]
        if not keep:
            break
        searched = [searched[i] for i in keep]
        kept = torch.tensor(keep, device=logits.device)
        front = Front(*(each[kept] for each in front))
        rows = (kept.unsqueeze(1) * size + front.parents).flatten()
        whole, state = step(front.tokens[:, :, -1:].flatten(0, 1), state.select(rows))
        logits = whole[:, -1]
    return [_best(hypotheses, beam) for hypotheses in found]


def _set_aside(found: list[list[Hypothesis]], front: Front, which: Tensor, rules: _Rules) -> None:
    """Add those of ``which``, bool (items, first places), that are not empty to what their item found."""
    for item, place in (which & front.totals[:, : which.size(1)].isfinite()).nonzero().tolist():
        tokens, steps = front.tokens[item, place], front.steps[item, place]
        found[item].append(rules.hypothesis(tokens.tolist(), steps.tolist()))


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
    if beam.size == 1:  # as greedy, whatever the length penalty
        return True
    last = _best(found, beam)[-1]
    return beam.rank(hope, length + 1) <= beam.rank(last.score, len(last.log_probabilities))

"""All decoding, over one contract: ``step(tokens, state) -> (logits, state)``.

Whatever the state is, a photograph, a sentence or a prompt has made it; decoding
only asks it for :meth:`State.select` and :meth:`State.widen`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from common.beam import Beam
from common.beam_search import beam_search
from common.candidates import Candidates, best_next
from common.contract import Hypothesis, S, State, Step
from common.errors import InputError
from common.rules import Rules
from common.sampling import Sampling, draw

__all__ = ["Beam", "Hypothesis", "Rules", "Sampling", "State", "Step", "Strategy", "decode", "stream"]


Strategy = Beam | Sampling


def decode(
    step: Step[S],
    state: S,
    prompt: Tensor,
    strategy: Strategy,
    rules: Rules,
    *,
    items: Sequence[int] | None = None,
) -> list[list[Hypothesis]]:
    """Continue every row of ``prompt`` until its end-of-sentence or the length limit.

    Args:
        step: The model.
        state: Its state before the prompt, one row for each item.
        prompt: Tokens that every result starts from, int64 (batch, length), length at least 1.
        strategy: Beam search or sampling (temperature 0 for greedy).
        rules: When to stop, and what may not be chosen. A sequence that they let nothing follow
            stops there, as at the length limit.
        items: The number of each row in the user's input, which its random numbers come from.

    Returns:
        For each row its ``strategy.count`` hypotheses, best first for a beam; fewer only where
        there are no more.

    Raises:
        ValueError: The prompt or ``items`` is not as above.
        InputError: The rules leave no token to begin with.
    """
    numbers = _numbers(prompt, items)
    if not len(prompt):
        return []
    logits, state = _read(step, state, prompt, rules)
    if isinstance(strategy, Beam):
        return beam_search(step, state, logits, strategy, rules)
    return _sample(step, state, logits, strategy, rules, numbers)


def stream(
    step: Step[S], state: S, prompt: Tensor, sampling: Sampling, rules: Rules, *, item: int = 0
) -> Iterator[int]:
    """Continue the one row of ``prompt``; its tokens come as they are chosen, the end-of-sentence not.

    They are the tokens that :func:`decode` gives for the first sample. It raises what that
    raises, when the first token is asked for.
    """
    _numbers(prompt, [item])
    logits, state = _read(step, state, prompt, rules)
    for drawn in _draws(step, state, logits, replace(sampling, count=1), rules, [item]):
        yield from (token for token in drawn.tokens if token != rules.eos)


def _numbers(prompt: Tensor, items: Sequence[int] | None) -> Sequence[int]:
    """The number of each row of the prompt, checked."""
    if prompt.ndim != 2 or prompt.size(1) < 1:
        raise ValueError(f"prompt must be (batch, length) with length at least 1, got {tuple(prompt.shape)}")
    if items is not None and len(items) != len(prompt):
        raise ValueError(f"items must number the {len(prompt)} rows of the prompt, got {len(items)}")
    return range(len(prompt)) if items is None else items


def _read(step: Step[S], state: S, prompt: Tensor, rules: Rules) -> tuple[Tensor, S]:
    """The logits (rows, vocabulary_size) of the first token to choose, and the state after the prompt."""
    whole, state = step(prompt, state)
    logits = whole[:, -1]
    if rules.apply(torch.zeros_like(logits[:1]), prompt[:1, :0]).isinf().all():
        raise InputError("what is asked for leaves no token to begin with; ask for less")
    return logits, state


class _Draw(NamedTuple):
    """One token for each sequence that had not ended: which sequences, tokens, log-probabilities."""

    rows: list[int]
    tokens: list[int]
    log_probabilities: list[float]


def _draws(
    step: Step[S], state: S, logits: Tensor, sampling: Sampling, rules: Rules, items: Sequence[int]
) -> Iterator[_Draw]:
    """Draw token after token, each sample with random numbers of its own."""
    count = sampling.count
    # Hashed, so that neighbouring items share nothing.
    names = [f"{sampling.seed}/{item}/{copy}" for item in items for copy in range(count)]
    sources = [] if sampling.is_greedy else [Random(name) for name in names]
    alive = list(range(len(names)))
    rows = torch.arange(len(logits), device=logits.device).repeat_interleave(count)
    state, logits = state.select(rows), logits[rows]
    history = torch.empty(len(alive), 0, dtype=torch.int64, device=logits.device)
    for length in range(1, rules.max_length + 1):
        if sampling.is_greedy:
            best = best_next(logits, history, rules, 1)
        else:
            best = _drawn(logits, history, rules, sampling, [sources[row] for row in alive])
        scores, tokens, added = (part.squeeze(-1).tolist() for part in best)
        free = [index for index, score in enumerate(scores) if score > -inf]
        chosen = best.tokens
        yield _Draw([alive[i] for i in free], [tokens[i] for i in free], [added[i] for i in free])
        keep = [index for index in free if tokens[index] != rules.eos]
        if not keep or length == rules.max_length:
            return
        history = torch.cat([history, chosen], 1)
        if len(keep) < len(alive):
            alive = [alive[index] for index in keep]
            kept = torch.tensor(keep, device=logits.device)
            state, chosen, history = state.select(kept), chosen[kept], history[kept]
        whole, state = step(chosen, state)
        logits = whole[:, -1]


def _drawn(
    logits: Tensor, history: Tensor, rules: Rules, sampling: Sampling, sources: Sequence[Random]
) -> Candidates:
    """One token for each row, with the next of its random numbers."""
    distribution = logits.float().log_softmax(-1)
    scores = rules.apply(distribution, history)
    stuck = scores.amax(-1, keepdim=True).isneginf()
    uniform = torch.tensor([source.random() for source in sources], dtype=torch.float64)
    chosen = draw(torch.where(stuck, distribution, scores), sampling, uniform).unsqueeze(-1)
    return Candidates(scores.gather(-1, chosen), chosen, distribution.gather(-1, chosen))


def _sample(
    step: Step[S], state: S, logits: Tensor, sampling: Sampling, rules: Rules, items: Sequence[int]
) -> list[list[Hypothesis]]:
    """All that is drawn, put together."""
    count = sampling.count
    tokens: list[list[int]] = [[] for _ in range(len(items) * count)]
    scores: list[list[float]] = [[] for _ in tokens]
    for each in _draws(step, state, logits, sampling, rules, items):
        for row, token, score in zip(each.rows, each.tokens, each.log_probabilities, strict=True):
            tokens[row].append(token)
            scores[row].append(score)
    results = [Hypothesis.of(*each, rules.eos) for each in zip(tokens, scores, strict=True)]
    return [results[start : start + count] for start in range(0, len(results), count)]

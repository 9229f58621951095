"""Beam search, plain and diverse, over the one step."""

from typing import NamedTuple

import torch
from torch import Tensor

from common.beam import Beam, Front
from common.candidates import best_next
from common.contract import Hypothesis, S, Step
from common.rules import Rules


class _Found(NamedTuple):
    """A hypothesis set aside, and what it is ranked by."""

    rank: float
    hypothesis: Hypothesis


def beam_search(step: Step[S], state: S, logits: Tensor, beam: Beam, rules: Rules) -> list[list[Hypothesis]]:
    """Keep the ``beam.size`` best open hypotheses of each item; set aside those that end among them.

    The groups of a diverse beam are rows of the front side by side, as items are. A hypothesis
    that the rules let nothing follow is set aside as one that the length limit cuts off.

    Args:
        step: The model.
        state: Its state after the prompt, one row for each item.
        logits: Of the first token to choose, (items, vocabulary_size).
        beam: How to search.
        rules: When to stop, and what may not be chosen.
    """
    items, groups, width, device = len(logits), beam.groups, beam.width, logits.device
    found: list[list[_Found]] = [[] for _ in range(items * groups)]
    searched = found  # of the items whose search goes on
    front = Front.begin(items * groups, width, device)
    state, logits = state.widen(beam.size), logits.repeat_interleave(beam.size, 0)
    for length in range(1, rules.max_length + 1):
        candidates = best_next(logits, front.tokens.flatten(0, 1), rules, beam.candidates)
        _set_aside(searched, front, candidates.scores[:, 0].isneginf().view_as(front.totals), beam, rules)
        grown = front.grow(candidates, beam, rules.eos)
        ended = grown.tokens[:, :, -1] == (-1 if rules.eos is None else rules.eos)
        _set_aside(searched, grown, ended[:, :width], beam, rules)
        front = grown.going_on(ended, width)
        if length == rules.max_length:
            _set_aside(searched, front, torch.ones_like(front.totals, dtype=torch.bool), beam, rules)
            break
        hopes = front.totals.amax(1).tolist()
        settled = [_settled(each, beam, hope, length) for each, hope in zip(searched, hopes, strict=True)]
        of_items = range(0, len(settled), groups)
        kept = [row for row in of_items if not all(settled[row : row + groups])]
        if not kept:
            break
        if any(settled):
            # A group that is settled takes nothing from the others any more, but keeps its rows beside them.
            over = torch.tensor(settled, device=device).unsqueeze(1)
            front = front._replace(totals=front.totals.masked_fill(over, -torch.inf))
        kept = [row + group for row in kept for group in range(groups)]
        places = torch.tensor(kept, device=device)
        if len(kept) < len(settled):
            searched = [searched[row] for row in kept]
            front = Front(*(each[places] for each in front))
        rows = (places.unsqueeze(1) * width + front.parents).flatten()
        whole, state = step(front.tokens[:, :, -1:].flatten(0, 1), state.select(rows))
        logits = whole[:, -1]
    return [_best(found[row : row + groups], beam) for row in range(0, len(found), groups)]


def _set_aside(found: list[list[_Found]], front: Front, which: Tensor, beam: Beam, rules: Rules) -> None:
    """Add those of ``which``, bool (rows, first places), that are not empty to what their row found."""
    if not which.any():
        return
    rows, places = (which & front.totals[:, : which.size(1)].isfinite()).nonzero(as_tuple=True)
    parts = (each[rows, places].tolist() for each in (front.totals, front.tokens, front.steps))
    for row, total, tokens, steps in zip(rows.tolist(), *parts, strict=True):
        hypothesis = Hypothesis.of(tokens, steps, rules.eos)
        found[row].append(_Found(beam.rank(total, len(tokens)), hypothesis))


def _settled(found: list[_Found], beam: Beam, hope: float, length: int) -> bool:
    """Whether to stop: enough have finished, and none going on would be better if it ended next.

    ``hope`` is the best total of those going on, after ``length`` tokens. With a length penalty above 0
    one that goes on much longer might still win; waiting for it costs more than it gains.
    """
    if hope == -torch.inf:
        return True
    finished = sorted((each.rank for each in found if each.hypothesis.finished), reverse=True)
    if len(finished) < beam.width:
        return False
    # A width of 1 is as greedy, whatever the length penalty.
    return beam.width == 1 or beam.rank(hope, length + 1) <= finished[beam.count // beam.groups - 1]


def _best(found: list[list[_Found]], beam: Beam) -> list[Hypothesis]:
    """The best of what the groups of an item found.

    Finished ones come first: one cut off by the length limit is only better than none. Of the
    others each group gives its best before any gives its second.
    """
    ordered: list[tuple[bool, int, float, Hypothesis]] = []
    for group in found:
        ranked = sorted(group, key=lambda each: (each.hypothesis.finished, each.rank), reverse=True)
        ordered += [(not each.finished, place, -rank, each) for place, (rank, each) in enumerate(ranked)]
    ordered.sort(key=lambda each: each[:3])
    distinct: dict[tuple[int, ...], Hypothesis] = {}
    for *_, hypothesis in ordered:
        # Groups may find the same where there is little to choose from.
        distinct.setdefault(hypothesis.tokens, hypothesis)
    return list(distinct.values())[: beam.count] or [Hypothesis((), (), False)]

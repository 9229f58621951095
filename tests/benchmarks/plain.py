"""The plain path: one item at a time, in 32 bits, by a search as textbooks have it.

Whatever is done for speed is held against this. It uses the step of a decoder and its state,
and none of ``common.search``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from common.beam import Beam
from common.contract import S, Step
from common.tokenizer import Tokenizer


class _Open(NamedTuple):
    """A hypothesis, its total log-probability, and the row of the state that it is at."""

    total: float
    tokens: tuple[int, ...]
    row: int


@torch.inference_mode()
def search(step: Step[S], state: S, tag: int, beam: Beam, tokenizer: Tokenizer, most: int) -> list[int]:
    """The tokens of the best hypothesis, without its end-of-sentence.

    Args:
        step: The model.
        state: Its state before ``tag``, of one row.
        tag: The token that it begins with.
        beam: Width and length penalty; a width of 1 is greedy.
        tokenizer: Its special tokens are not chosen.
        most: Tokens at which a hypothesis is cut off.
    """
    special = [tokenizer.special(token) for token in tokenizer.special_tokens]
    forbidden = [id_ for id_ in special if id_ != Tokenizer.EOS]
    open_, ended = [_Open(0.0, (tag,), 0)], list[_Open]()
    state = state.widen(beam.size)
    for length in range(1, most + 1):
        rows = [each.row for each in open_]
        # The state always has as many rows as the beam is wide; spare ones repeat the first.
        rows += [rows[0]] * (beam.size - len(rows))
        last = [each.tokens[-1] for each in open_]
        last += [last[0]] * (beam.size - len(last))
        logits, state = step(torch.tensor(last).unsqueeze(1), state.select(torch.tensor(rows)))
        logs = logits[: len(open_), -1].float().log_softmax(-1)
        logs[:, forbidden] = -torch.inf
        best = _continuations(open_, logs, 2 * beam.size)
        ended += [each for each in best[: beam.size] if each.tokens[-1] == Tokenizer.EOS]
        open_ = [each for each in best if each.tokens[-1] != Tokenizer.EOS][: beam.size]
        if _enough(ended, open_, beam, length):
            break
    winner = max(ended or open_, key=lambda each: beam.rank(each.total, len(each.tokens) - 1))
    return [token for token in winner.tokens[1:] if token != Tokenizer.EOS]


def _continuations(open_: Sequence[_Open], logs: torch.Tensor, count: int) -> list[_Open]:
    """The ``count`` best hypotheses that are longer by a token."""
    totals = torch.tensor([each.total for each in open_]).unsqueeze(1) + logs
    values, places = totals.flatten().topk(count)
    chosen = zip(values.tolist(), places.tolist(), strict=True)
    found = ((total, *divmod(place, logs.size(1))) for total, place in chosen)
    return [_Open(total, (*open_[row].tokens, token), row) for total, row, token in found]


def _enough(ended: Sequence[_Open], open_: Sequence[_Open], beam: Beam, length: int) -> bool:
    """Whether as many as the beam is wide have ended, and the best of them is not to be beaten soon."""
    if len(ended) < beam.size:
        return False
    best = max(beam.rank(each.total, len(each.tokens) - 1) for each in ended)
    return beam.size == 1 or beam.rank(open_[0].total, length + 1) <= best

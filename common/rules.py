"""What decoded sequences must be like, in tokens."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

Banned = Callable[[Sequence[int]], Collection[int]]
"""From the tokens of a sequence so far, those that may not come next."""


@dataclass(frozen=True)
class Rules:
    """When a sequence ends, and what may not be in it.

    Attributes:
        eos: The token that ends a sequence; None to stop by length alone.
        max_length: Most tokens to add, the end-of-sentence counted.
        min_length: Tokens before which the end-of-sentence is not chosen, itself not counted.
        forbidden: Tokens never to be chosen.
        banned: Tells which tokens may not come after others; None allows all.
        no_repeat_ngram: No so many tokens in a row may come twice; 0 allows all
            (Paulus et al., 2018, arXiv:1705.04304, section 2.5).
        repetition_penalty: Above 1 makes tokens rarer that have come before (Keskar et al., 2019,
            arXiv:1909.05858, section 4.1): their log-probabilities, counted from those of
            pure chance, are divided by it, or multiplied where they are below; 1 leaves them alone.
        first: The tokens that may come first, whatever they repeat if all do; empty allows all.
        prefix: Tokens that the sequence begins with: looked at by the rules, not counted in lengths.

    Raises:
        ValueError: A value is out of its range.
    """

    eos: int | None
    max_length: int
    min_length: int = 0
    forbidden: tuple[int, ...] = ()
    banned: Banned | None = None
    no_repeat_ngram: int = 0
    repetition_penalty: float = 1.0
    first: tuple[int, ...] = ()
    prefix: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.max_length < 1:
            raise ValueError(f"max_length must be at least 1, got {self.max_length}")
        for name in ("min_length", "no_repeat_ngram"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not 0.01 <= self.repetition_penalty <= 100:
            raise ValueError(f"repetition_penalty must be from 0.01 to 100, got {self.repetition_penalty}")

    def apply(self, distribution: Tensor, tokens: Tensor) -> Tensor:
        """What to choose the next tokens by.

        Args:
            distribution: Log-probabilities of the next token, (rows, vocabulary_size); stays as it is.
            tokens: What each row has chosen so far, int64 (rows, length).

        Returns:
            The same with the penalty, and minus infinity for what may not come: for all, where
            nothing may.
        """
        length = tokens.size(1)
        scores = distribution + self._mask(length, distribution)
        if self.prefix:
            tokens = torch.cat([tokens.new_tensor([self.prefix]).expand(len(tokens), -1), tokens], 1)
        if self.banned:
            rows = [(row, token) for row, each in enumerate(tokens.tolist()) for token in self.banned(each)]
            if rows:
                scores[tuple(tokens.new_tensor(rows).unbind(1))] = -torch.inf
        fresh = scores.clone() if self.first and not length else scores
        if self.no_repeat_ngram:
            _forbid_repetition(fresh, tokens, self.no_repeat_ngram)
        if self.repetition_penalty != 1:
            _penalise(fresh, tokens, self.repetition_penalty)
        if self.first and not length:
            return torch.where(fresh.amax(1, keepdim=True).isneginf(), scores, fresh)
        return fresh

    def _mask(self, length: int, like: Tensor) -> Tensor:
        """What to add whatever the row, after ``length`` tokens: (vocabulary_size,)."""
        mask = _without(self.forbidden, like.size(-1), like.dtype, like.device)
        if self.first and not length:
            first = torch.tensor(self.first, device=like.device)
            mask = torch.full_like(mask, -torch.inf).index_copy(0, first, mask[first])
        if self.eos is not None and length < self.min_length:
            mask = mask.index_fill(0, torch.tensor(self.eos, device=like.device), -torch.inf)
        return mask


@lru_cache(maxsize=8)
def _without(tokens: tuple[int, ...], size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Zeros for all of ``size`` tokens but these, minus infinity for these; every step wants the same."""
    with torch.inference_mode(False):  # it may be wanted where something is learned, too
        mask = torch.zeros(size, dtype=dtype, device=device)
        mask[list(tokens)] = -torch.inf
    return mask


def _forbid_repetition(scores: Tensor, tokens: Tensor, size: int) -> None:
    """Minus infinity for tokens that would complete ``size`` tokens in a row for the second time."""
    if size > tokens.size(1):
        return
    windows = tokens.unfold(1, size, 1)
    last = tokens[:, tokens.size(1) - size + 1 :]
    same = (windows[:, :, :-1] == last.unsqueeze(1)).all(-1)
    row, place = same.nonzero(as_tuple=True)
    scores[row, windows[row, place, -1]] = -torch.inf


def _penalise(scores: Tensor, tokens: Tensor, penalty: float) -> None:
    """Make the ``tokens`` of each row less likely (with a ``penalty`` below 1: more)."""
    chance = -math.log(scores.size(1))
    above = scores.gather(1, tokens) - chance
    above = torch.where(above > 0, above / penalty, above * penalty)
    scores.scatter_(1, tokens, above + chance)

"""The contract of decoding: what a model gives it, and what it returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from torch import Tensor


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

    @classmethod
    def of(cls, tokens: Sequence[int], log_probabilities: Sequence[float], eos: int | None) -> Self:
        """Of ``tokens``, the last of which may be the end-of-sentence."""
        finished = bool(tokens) and tokens[-1] == eos
        return cls(tuple(tokens[:-1] if finished else tokens), tuple(log_probabilities), finished)

    @property
    def score(self) -> float:
        """Log-probability of the whole sequence."""
        return sum(self.log_probabilities)

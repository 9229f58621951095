"""What travels between the parts: how to measure, a figure beside its limit, and what a part found."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        threads: Processor threads, the same for everybody.
        rounds: How often each figure is taken; the median counts.
        sentences: Most sentences of the test set to translate.
        quick: Tiny sizes, to see that everything works; the figures mean nothing.
        peers: Whether to run the peers beside us, where their environments are there.
        translator: Model directory of the German to English translator to measure; None is the built-in one.
    """

    threads: int = 2
    rounds: int = 3
    sentences: int = 1000
    quick: bool = False
    peers: bool = True
    translator: Path | None = None


@dataclass(frozen=True)
class Measurement:
    """A figure, and what it is to be seen beside.

    Attributes:
        name: What was measured: part, then what tells it apart, such as ``"translation, greedy, batch 32"``.
        value: The median of the rounds.
        unit: Such as ``"sentences/s"``, of which more is better, or ``"s"`` and ``"MB"``, of which less is.
        limit_name: What the value is compared with: what this machine could do at best, or a peer.
        limit: The same in ``unit``, measured in the same rounds; None where there is none.
        note: What else belongs beside the value, such as BLEU and its signature.
    """

    name: str
    value: float
    unit: str
    limit_name: str = ""
    limit: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The value over the limit; None without a limit."""
        return self.value / self.limit if self.limit else None

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "limit_name": self.limit_name,
            "limit": self.limit,
            "ratio": self.ratio,
            "note": self.note,
        }


@dataclass
class Outcome:
    """What a part has found so far.

    Attributes:
        measurements: The figures, in the order in which they were taken.
        failures: Sentences about outputs that are not what they should be.
    """

    measurements: list[Measurement] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

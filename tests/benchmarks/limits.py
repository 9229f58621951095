"""What this machine can do at best, to see our figures beside."""

from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.decoder import Decoder
from tests.benchmarks.measurement import Measurement, Outcome, Settings
from tests.benchmarks.timing import in_rounds, repeated
from translation.model import Translator

NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.int8: "int8"}
MOST_ROWS = 2048

# Together about as many weights as a decoder reads at a step, so that the caches help as little.
_MATRICES, _INPUTS, _OUTPUTS = 8, 512, 2048


@dataclass(frozen=True)
class Products:
    """Products of ``rows`` vectors with the matrices of a decoder's size; a call returns its seconds."""

    rows: int
    kind: torch.dtype = torch.float32
    vectors: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", torch.ones(self.rows, _INPUTS, dtype=self.kind))

    @property
    def operations(self) -> float:
        """Multiplications and additions of a call."""
        return 2.0 * self.rows * _MATRICES * _INPUTS * _OUTPUTS

    @torch.inference_mode()
    def __call__(self) -> float:
        """The seconds of doing all products once."""
        # About a thousandth of a second or more, so that the clock does not matter.
        return repeated(self._once, max(1, 64 // self.rows))()

    def _once(self) -> None:
        for matrix in _matrices(self.kind):
            if self.kind == torch.int8:
                torch._int_mm(self.vectors, matrix.t())
            else:
                functional.linear(self.vectors, matrix)


@cache
def _matrices(kind: torch.dtype) -> tuple[Tensor, ...]:
    """Those that all products are with."""
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.rand(_OUTPUTS, _INPUTS, generator=generator).to(kind) for _ in range(_MATRICES))


def all_kinds(rows: int) -> dict[str, Products]:
    """The products in 32, 16 and 8 bits, by name."""
    return {f"{name} products": Products(min(rows, MOST_ROWS), kind) for kind, name in NAMES.items()}


def best_rate(products: dict[str, Products], seconds: dict[str, float]) -> tuple[str, float]:
    """The name of the faster kind of products, and its operations a second."""
    rates = {name: each.operations / seconds[name] for name, each in products.items()}
    best = max(rates, key=lambda name: rates[name])
    return best, rates[best]


def weights(module: nn.Module | None) -> int:
    """How many weights of matrices a module has: so many multiplications at each place that it reads."""
    return sum(each.numel() for each in module.parameters() if each.ndim > 1) if module else 0


def reading(decoder: Decoder) -> tuple[int, int, int]:
    """Multiplications of a decoder for each item, each place of its memory, and each token it writes.

    The embedding counts once, as the output layer. Attention's look at the memory, some thousands of
    multiplications a place, is left out.
    """
    item = weights(decoder.bridge)
    place = weights(decoder.attention.key) + weights(decoder.attention.value) if decoder.attention else 0
    return item, place, weights(decoder) - item - place


def translating(translator: Translator, sources: int, targets: int, sentences: int, width: int) -> float:
    """Operations of translating ``sources`` tokens into ``targets``, English, ``width`` hypotheses each."""
    item, place, token = reading(translator.shortlist("en").decoder)
    place += weights(translator.encoder)
    return 2.0 * (item * sentences + place * sources + token * targets * width)


def measure(settings: Settings) -> Outcome:
    """The rates of matrix products, which the limits of the other parts are made from."""
    torch.set_num_threads(settings.threads)
    outcome = Outcome()
    for rows in (1, 32) if settings.quick else (1, 5, 32, 160, 640, 2048):
        products = all_kinds(rows)
        seconds = in_rounds({**products}, settings.rounds)
        for name, each in products.items():
            rate = each.operations / seconds[name] / 1e9
            outcome.measurements.append(Measurement(f"limits, {name} of {rows} rows", rate, "GFLOP/s"))
    return outcome

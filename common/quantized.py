"""Products of 8-bit numbers: several times as fast on processors that have instructions for them.

Weights are whole numbers with a scale for each output, which is how built-in models are stored,
so they lose nothing. Each vector that they are multiplied with is rounded to whole numbers from
-127 to 127 with a scale of its own, and what that leaves over to fractions of these: hardly
anything is lost, and what else is in the batch never matters. Sums of products of whole numbers are exact.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_WIDE = 4096
"""More outputs than this, as of an output layer, are computed for a few rows at a time: what is done
to the products is then done in the processor's cache."""
_BLOCK = 2**17
"""As many outputs at a time."""


def is_fast() -> bool:
    """Whether this processor has instructions for products of 8-bit numbers (AVX-512 VNNI)."""
    has: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return has.get("avx512_vnni", False)


def scales(weight: Tensor) -> Tensor:
    """What whole numbers up to 127 are to be multiplied with, (outputs,), for weights (outputs, ...)."""
    return weight.flatten(1).abs().amax(1).clamp(min=1e-12) / 127


@dataclass(frozen=True)
class QuantizedLinear:
    """A linear layer with whole numbers for weights.

    Attributes:
        weight: int8, (inputs, outputs).
        scale: What to multiply each output with, (outputs,).
        bias: To add then, (outputs,).
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None) -> "QuantizedLinear":
        """From float weights (outputs, inputs)."""
        weight = weight.detach().float()
        scale = scales(weight)
        whole = (weight / scale.unsqueeze(1)).round().to(torch.int8)
        bias = torch.zeros_like(scale) if bias is None else bias.detach().float()
        return cls(whole.t(), scale, bias)

    def __call__(self, vectors: Tensor) -> Tensor:
        """The outputs (rows, outputs) of vectors (rows, inputs), in 32 bits."""
        outputs = len(self.bias)
        rows = len(vectors) if outputs <= _WIDE else max(1, _BLOCK // outputs)
        results = self.bias.new_empty(len(vectors), outputs)
        for start in range(0, len(vectors), rows):
            block = slice(start, start + rows)
            self._write(results[block], Whole.of(vectors[block]))
        return results

    def _write(self, results: Tensor, vectors: "Whole") -> None:
        """Put the outputs in their place (rows, outputs)."""
        coarse, fine = torch._int_mm(vectors.numbers.flatten(0, 1), self.weight).chunk(2)
        torch.mul(fine.add_(coarse, alpha=_fractions(len(self.weight))), self.scale, out=results)
        torch.addcmul(self.bias, results, vectors.scale, out=results)


@dataclass(frozen=True)
class Whole:
    """Vectors as whole numbers.

    Attributes:
        numbers: int8 (2, rows, size): rounded, and what is left over in fractions.
        scale: What to multiply them with, the first counted in fractions too, (rows, 1).
    """

    numbers: Tensor
    scale: Tensor

    @classmethod
    def of(cls, vectors: Tensor) -> "Whole":
        """Round vectors (rows, size)."""
        scale = vectors.abs().amax(1, keepdim=True).clamp_(min=1e-12).div_(127)
        scaled, fractions = vectors / scale, _fractions(vectors.size(1))
        parts = scaled.new_empty(2, *scaled.shape)
        torch.round(scaled, out=parts[0])
        torch.sub(scaled, parts[0], out=parts[1]).mul_(fractions).round_()
        return cls(parts.to(torch.int8), scale.div_(fractions))


def _fractions(size: int) -> int:
    """Into how many one is divided: half are at most 127, and sums of ``size`` products fit in 32 bits."""
    return max(1, min(254, 2**31 // (size * 127 * 128)))

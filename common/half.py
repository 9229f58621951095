"""Products with weights of 16 bits, for processors without instructions for 8: faster than with 32.

One row at a time, all that a product costs is to fetch its weights from memory, and they are half as
large; and the kernels (FBGEMM's) are made for few rows, which those for 32 bits are not.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from common.quantized import scales


def is_there() -> bool:
    """Whether this processor can run these kernels, and this PyTorch has been built with them."""
    has: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    kernels = hasattr(torch.ops.quantized, "linear_dynamic_fp16")
    return kernels and "fbgemm" in torch.backends.quantized.supported_engines and has.get("avx2", False)


@dataclass(frozen=True)
class HalfLinear:
    """A linear layer with weights of 16 bits and a scale for each output.

    Weights that were stored in 8 bits are whole numbers up to 127 then, and lose nothing; others
    are rounded to 11 bits.

    Attributes:
        weight: (outputs, inputs), in the order in which it is read.
        scale: What to multiply each output with, (outputs,).
        bias: To add then, (outputs,).
    """

    weight: Any
    scale: Tensor
    bias: Tensor

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None) -> "HalfLinear":
        """From float weights (outputs, inputs)."""
        weight = weight.detach().float()
        scale = scales(weight)
        bias = torch.zeros_like(scale) if bias is None else bias.detach().float()
        return cls(torch.ops.quantized.linear_prepack_fp16(weight / scale.unsqueeze(1), None), scale, bias)

    def __call__(self, vectors: Tensor) -> Tensor:
        """The outputs (rows, outputs) of vectors (rows, inputs)."""
        products = torch.ops.quantized.linear_dynamic_fp16.default(vectors.float(), self.weight)
        return torch.addcmul(self.bias, products, self.scale, out=products)

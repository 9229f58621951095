"""The decoder's step for decoding on a processor, with products of fewer bits, as this processor has them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol, Self

import torch
from torch import Tensor

from common import half, quantized
from common.attention import Attention, Memory
from common.decoder import Decoder, DecoderState
from common.half import HalfLinear
from common.quantized import QuantizedLinear
from common.recurrence import WEIGHTS, Cell, Hidden, Recurrence, advance, advance_plainly


class Linear(Protocol):
    """A linear layer that is only multiplied with."""

    def __call__(self, vectors: Tensor) -> Tensor:
        """The outputs (rows, outputs) of vectors (rows, inputs)."""


MakeLinear = Callable[[Tensor, Tensor | None], Linear]
"""From float weights (outputs, inputs) and a bias (outputs,)."""


SMALL = 200_000
"""As many weights in a layer: with fewer, calling kernels of fewer bits takes longer than they save."""


@dataclass(frozen=True)
class PlainLinear:
    """A linear layer with weights of 32 bits.

    Attributes:
        weight: (inputs, outputs): read in this order, products of a row are faster.
        bias: To add, (outputs,).
    """

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None) -> "PlainLinear":
        """From float weights (outputs, inputs)."""
        weight = weight.detach().float()
        bias = weight.new_zeros(len(weight)) if bias is None else bias.detach().float()
        return cls(weight.t().contiguous(), bias)

    def __call__(self, vectors: Tensor) -> Tensor:
        """The outputs (rows, outputs) of vectors (rows, inputs)."""
        return torch.addmm(self.bias, vectors.float(), self.weight)


def quickest(*, exact: bool = False) -> MakeLinear | None:
    """What is faster on this processor than products of 32-bit numbers, if anything is.

    Args:
        exact: Only what keeps at least 11 bits of weights that are no whole numbers.
    """
    if quantized.is_fast() and not exact:
        return partial(_by_size, QuantizedLinear.of)
    return partial(_by_size, HalfLinear.of) if half.is_there() else None


def _by_size(large: MakeLinear, weight: Tensor, bias: Tensor | None) -> Linear:
    return PlainLinear.of(weight, bias) if weight.numel() < SMALL else large(weight, bias)


@dataclass(frozen=True)
class _SmallRecurrence:
    """A recurrent layer's weights, as PyTorch's cells take them."""

    weights: tuple[Tensor, ...]
    cell: Cell

    @classmethod
    def of(cls, layer: Recurrence) -> "_SmallRecurrence":
        return cls(tuple(getattr(layer.layer, name).detach().float() for name in WEIGHTS), layer.cell)

    def __call__(self, vectors: Tensor, hidden: Hidden) -> Hidden:
        """The state after ``vectors`` (rows, inputs); its first part is what the layer puts out."""
        return advance_plainly(self.cell, vectors.float(), hidden, self.weights)


@dataclass(frozen=True)
class _Recurrence:
    """A recurrent layer's weights for what comes in, and for what it has put out before."""

    inputs: Linear
    hidden: Linear
    cell: Cell

    @classmethod
    def of(cls, layer: Recurrence, make: MakeLinear) -> "_Recurrence | _SmallRecurrence":
        inputs, hidden = (
            make(getattr(layer.layer, f"weight_{part}_l0"), getattr(layer.layer, f"bias_{part}_l0"))
            for part in ("ih", "hh")
        )
        if isinstance(inputs, PlainLinear) and isinstance(hidden, PlainLinear):
            return _SmallRecurrence.of(layer)
        return cls(inputs, hidden, layer.cell)

    def __call__(self, vectors: Tensor, hidden: Hidden) -> Hidden:
        """The state after ``vectors`` (rows, inputs); its first part is what the layer puts out."""
        return advance(self.cell, self.inputs(vectors), self.hidden(hidden[0][0]), hidden)


@dataclass(frozen=True)
class _Look:
    """Attention, and its two projections at each step."""

    attention: Attention
    query: Linear
    output: Linear

    @classmethod
    def of(cls, attention: Attention, make: MakeLinear) -> "_Look":
        query, output = attention.query, attention.output
        return cls(attention, make(query.weight, query.bias), make(output.weight, output.bias))

    def __call__(self, vectors: Tensor, memory: Memory) -> Tensor:
        """What ``vectors`` (rows, size) find in the memory, of the same shape."""
        context = self.attention.context(self.query(vectors).unsqueeze(1), memory)
        return self.output(context.squeeze(1))


class FastDecoder:
    """A decoder's step, near enough to what the decoder itself computes.

    It reads the weights at its first step: if they change after that, make another.
    """

    def __init__(self, decoder: Decoder, make: MakeLinear) -> None:
        self.decoder, self.make = decoder, make

    # Made when needed: a translator may decode with narrower decoders alone, or with changed ones.

    @cached_property
    def layers(self) -> list[_Recurrence | _SmallRecurrence]:
        """The recurrent layers."""
        layers = [layer for layer in self.decoder.layers if isinstance(layer, Recurrence)]
        return [_Recurrence.of(layer, self.make) for layer in layers]

    @cached_property
    def look(self) -> _Look | None:
        """Attention, if the decoder has it."""
        return _Look.of(self.decoder.attention, self.make) if self.decoder.attention else None

    @cached_property
    def bottleneck(self) -> Linear:
        """The layer before the output layer."""
        return self.make(self.decoder.bottleneck.weight, self.decoder.bottleneck.bias)

    @cached_property
    def output(self) -> Linear:
        """The output layer."""
        return self.make(self.decoder.embedding.weight, self.decoder.bias)

    def narrowed(self, decoder: Decoder) -> Self:
        """That of ``decoder``, which is the same but for its tokens."""
        part = type(self)(decoder, self.make)
        part.layers, part.look, part.bottleneck = self.layers, self.look, self.bottleneck
        return part

    def __call__(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The step; more than one token at a time, such as a prompt, is the decoder's own matter."""
        if tokens.size(1) != 1:
            return self.decoder.forward(tokens, state)
        vectors, hidden = self.decoder.embedding(tokens[:, 0]), list[Hidden]()
        for index, (layer, norm) in enumerate(zip(self.layers, self.decoder.norms, strict=True)):
            after = layer(vectors, state.hidden[index])
            hidden.append(after)
            outputs = after[0][0]
            vectors = outputs if index == 0 else vectors + outputs
            if index == 0 and self.look is not None and state.memory is not None:
                vectors = vectors + self.look(outputs, state.memory)
            vectors = norm(vectors)
        logits = self.output(self.bottleneck(vectors))
        return logits.unsqueeze(1), DecoderState(tuple(hidden), state.memory)


def hasten(decoder: Decoder, device: torch.device, *, exact: bool = False) -> None:
    """Have a decoder decode with products of fewer bits on ``device``, where these are faster there.

    See :func:`quickest` for ``exact``.
    """
    linear = quickest(exact=exact) if device.type == "cpu" else None
    decoder.fast = linear and FastDecoder(decoder, linear)

"""The decoder's step in 8-bit arithmetic: several times as fast on processors that have instructions for it.

Weights are whole numbers with a scale for each output, which is how built-in models are stored,
so they lose nothing. Each vector that they are multiplied with is rounded to whole numbers from
-127 to 127 with a scale of its own, and what that leaves over to fractions of these: hardly
anything is lost, and what else is in the batch never matters. Sums of products of whole numbers are exact.
Everything between the products is computed in 32 bits.
"""

from copy import copy
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from common.attention import Attention, Memory
from common.decoder import Decoder, DecoderState
from common.recurrence import Hidden, Recurrence

_BLOCK = 2**17
"""Logits at a time: what is done to them is then done in the processor's cache."""


def is_fast() -> bool:
    """Whether this processor has instructions for products of 8-bit numbers (AVX-512 VNNI)."""
    has: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return has.get("avx512_vnni", False)


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
        scale = weight.abs().amax(1).clamp(min=1e-12) / 127
        whole = (weight / scale.unsqueeze(1)).round().to(torch.int8)
        bias = torch.zeros_like(scale) if bias is None else bias.detach().float()
        return cls(whole.t(), scale, bias)

    def narrowed(self, ids: Tensor) -> "QuantizedLinear":
        """That has the outputs ``ids``, int64 (n,), alone."""
        return QuantizedLinear(self.weight.t()[ids].t(), self.scale[ids], self.bias[ids])

    def __call__(self, vectors: "Whole") -> Tensor:
        """The outputs (rows, outputs) in 32 bits."""
        return self.into(self.bias.new_empty(len(vectors.scale), len(self.bias)), vectors)

    def into(self, outputs: Tensor, vectors: "Whole") -> Tensor:
        """Write the outputs to a place (rows, outputs)."""
        coarse, fine = torch._int_mm(vectors.numbers.flatten(0, 1), self.weight).chunk(2)
        torch.mul(fine.add_(coarse, alpha=_fractions(len(self.weight))), self.scale, out=outputs)
        return torch.addcmul(self.bias, outputs, vectors.scale, out=outputs)


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


@dataclass(frozen=True)
class _Recurrence:
    """A recurrent layer's weights for what comes in, and for what it has put out before."""

    inputs: QuantizedLinear
    hidden: QuantizedLinear
    cell: str

    @classmethod
    def of(cls, layer: Recurrence) -> "_Recurrence":
        inputs, hidden = (
            QuantizedLinear.of(
                layer.layer.get_parameter(f"weight_{part}_l0"), layer.layer.get_parameter(f"bias_{part}_l0")
            )
            for part in ("ih", "hh")
        )
        return cls(inputs, hidden, layer.cell)

    def __call__(self, vectors: Tensor, hidden: Hidden) -> Hidden:
        """The state after ``vectors`` (rows, inputs); its first part is what the layer puts out."""
        before = hidden[0][0]
        new, old = self.inputs(Whole.of(vectors)), self.hidden(Whole.of(before))
        if self.cell == "rnn":
            return (new.add_(old).tanh_().unsqueeze(0),)
        if self.cell == "gru":
            reset, update, candidate = new.chunk(3, 1)
            resets, updates, candidates = old.chunk(3, 1)
            update = (update + updates).sigmoid_()
            candidate = (candidate + (reset + resets).sigmoid_() * candidates).tanh_()
            return (torch.lerp(candidate, before.to(candidate.dtype), update).unsqueeze(0),)
        entry, forget, candidate, output = new.add_(old).chunk(4, 1)
        memory = forget.sigmoid() * hidden[1][0] + entry.sigmoid() * _tanh(candidate)
        return (output.sigmoid() * _tanh(memory)).unsqueeze(0), memory.unsqueeze(0)


@dataclass(frozen=True)
class _Look:
    """Attention, and its two projections at each step."""

    attention: Attention
    query: QuantizedLinear
    output: QuantizedLinear

    @classmethod
    def of(cls, attention: Attention) -> "_Look":
        query, output = attention.query, attention.output
        return cls(
            attention,
            QuantizedLinear.of(query.weight, query.bias),
            QuantizedLinear.of(output.weight, output.bias),
        )

    def __call__(self, vectors: Tensor, memory: Memory) -> Tensor:
        """What ``vectors`` (rows, size) find in the memory, of the same shape."""
        context, _ = self.attention.look(self.query(Whole.of(vectors)).unsqueeze(1), memory)
        return self.output(Whole.of(context.squeeze(1)))


def _tanh(values: Tensor) -> Tensor:
    """By way of the sigmoid, which PyTorch computes several times as fast on a processor."""
    return (2 * values).sigmoid_().mul_(2).sub_(1)


class QuantizedDecoder:
    """A decoder's step, near enough to what the decoder itself computes.

    It has its own copy of the weights, of the time when it was made.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.layers = [_Recurrence.of(layer) for layer in decoder.layers if isinstance(layer, Recurrence)]
        self.bottleneck = QuantizedLinear.of(decoder.bottleneck.weight, decoder.bottleneck.bias)
        self.output = QuantizedLinear.of(decoder.embedding.weight, decoder.bias)
        self.look = _Look.of(decoder.attention) if decoder.attention else None

    def narrowed(self, decoder: Decoder, ids: Tensor) -> Self:
        """That of ``decoder``, which was narrowed to the tokens ``ids``."""
        part = copy(self)
        part.decoder, part.output = decoder, self.output.narrowed(ids)
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
        logits = self._logits(self.bottleneck(Whole.of(vectors)))
        return logits.unsqueeze(1), DecoderState(tuple(hidden), state.memory)

    def _logits(self, features: Tensor) -> Tensor:
        """Of features (rows, embedding_size): (rows, vocabulary_size), a block after the other."""
        whole, vocabulary = Whole.of(features), len(self.output.bias)
        rows = max(1, _BLOCK // vocabulary)
        logits = features.new_empty(len(features), vocabulary)
        for start in range(0, len(features), rows):
            part = slice(start, start + rows)
            self.output.into(logits[part], Whole(whole.numbers[:, part], whole.scale[part]))
        return logits

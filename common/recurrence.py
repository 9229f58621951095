"""One recurrent layer, whichever cell it is made of."""

from collections.abc import Sequence
from functools import cache
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

Cell = Literal["lstm", "gru", "rnn"]
CELLS: tuple[Cell, ...] = get_args(Cell)
Hidden = tuple[Tensor, ...]
"""What a layer carries from one position to the next, each (1, batch, hidden_size): (h, c) or (h,)."""
WEIGHTS = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
"""Names of a layer's weights, of what comes in and of what it has put out, and their biases."""
_FEW = 8
"""Rows of which a layer's equations take no longer than the calls for them."""


def advance(cell: Cell, new: Tensor, old: Tensor, hidden: Hidden) -> Hidden:
    """The state after a position; its first part is what the layer puts out.

    Args:
        cell: Whose equations.
        new: What comes in, times its weights, with its bias, (batch, gates x hidden_size) in PyTorch's order
            of gates. It is written over.
        old: The same of what the layer has put out before.
        hidden: The state before.
    """
    before = hidden[0][0]
    if cell == "rnn":
        return (new.add_(old).tanh_().unsqueeze(0),)
    if cell == "gru":
        reset, update, candidate = new.chunk(3, 1)
        resets, updates, candidates = old.chunk(3, 1)
        update = (update + updates).sigmoid_()
        candidate = (candidate + (reset + resets).sigmoid_() * candidates).tanh_()
        return (torch.lerp(candidate, before.to(candidate.dtype), update).unsqueeze(0),)
    if len(new) <= _FEW:
        entry, forget, candidate, output = new.add_(old).chunk(4, 1)
        memory = (forget.sigmoid_() * hidden[1][0]).addcmul_(entry.sigmoid_(), candidate.tanh_())
        return memory.tanh().mul_(output.sigmoid_()).unsqueeze(0), memory.unsqueeze(0)
    # Of many rows a tanh takes longer than a sigmoid, from which it can be had: 2 * sigmoid(2x) - 1.
    size = before.size(1)
    new.add_(old)[:, 2 * size : 3 * size].mul_(2)
    entry, forget, candidate, output = new.sigmoid_().chunk(4, 1)
    memory = (forget * hidden[1][0]).sub_(entry).addcmul_(entry, candidate, value=2)
    return (2 * memory).sigmoid_().mul_(2).sub_(1).mul_(output).unsqueeze(0), memory.unsqueeze(0)


def advance_plainly(cell: Cell, inputs: Tensor, hidden: Hidden, weights: Sequence[Tensor]) -> Hidden:
    """The same by PyTorch's cells, of which few rows take less time.

    Args:
        cell: Whose equations.
        inputs: What comes in, (batch, input_size).
        hidden: The state before.
        weights: PyTorch's, in the order of :data:`WEIGHTS`.
    """
    if cell == "lstm":
        h, c = torch.lstm_cell(inputs, [part[0] for part in hidden], *weights)
        return h.unsqueeze(0), c.unsqueeze(0)
    step = torch.gru_cell if cell == "gru" else torch.rnn_tanh_cell
    return (step(inputs, hidden[0][0], *weights).unsqueeze(0),)


@cache
def _has_short_kernels() -> bool:
    """Whether recurrent layers can be computed in 16 bits on this processor: oneDNN's cannot on all."""
    with_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return not with_onednn or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Recurrence(nn.Module):
    """A single layer of LSTM, GRU or simple (Elman) cells, read from left to right.

    PyTorch's own layers do the work; this class only gives the three the same
    shape of state, so that nothing else has to know which cell is inside. A single
    position, as in decoding, is read without them on a processor: there they arrange
    their weights anew at every call, which takes longer than the products.

    While training, ``recurrent_dropout`` is the share of the weights from one position's
    output to the next that a call does without, the same at all positions (DropConnect on the
    hidden-to-hidden matrix, Merity et al., 2018, arXiv:1708.02182, section 2). As only a
    matrix is changed, and once a call, PyTorch's fast kernels go on to do the work.

    Sources: Elman, 1990; Hochreiter and Schmidhuber, 1997; Cho et al., 2014, arXiv:1406.1078.
    """

    def __init__(self, cell: Cell, input_size: int, hidden_size: int, recurrent_dropout: float = 0.0) -> None:
        super().__init__()
        self.cell, self.recurrent_dropout = cell, recurrent_dropout
        kinds: dict[Cell, type[nn.LSTM | nn.GRU | nn.RNN]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
        self.layer = kinds[cell](input_size, hidden_size, batch_first=True)
        self.states = 2 if cell == "lstm" else 1
        if cell == "lstm":
            # A forget gate that starts open lets early gradients reach far back
            # (Jozefowicz et al., 2015). PyTorch orders the gates input, forget, cell, output.
            with torch.no_grad():
                self.layer.get_parameter("bias_ih_l0")[hidden_size : 2 * hidden_size].fill_(1.0)

    def forward(self, inputs: Tensor, hidden: Hidden | None = None) -> tuple[Tensor, Hidden]:
        """Read ``inputs`` (batch, length, input_size) on from ``hidden``, zeros where None.

        Returns:
            The outputs (batch, length, hidden_size) and the state after the last position.
        """
        device = inputs.device.type
        if device == "cpu" and torch.is_autocast_enabled(device) and not _has_short_kernels():
            hidden = None if hidden is None else tuple(part.float() for part in hidden)
            with torch.autocast(device, enabled=False):
                return self(inputs.float(), hidden)  # type: ignore[no-any-return]
        if hidden is not None:
            # The fast kernels want one type throughout, and under autocast inputs arrive in it.
            hidden = tuple(part.to(inputs.dtype).contiguous() for part in hidden)
            if inputs.size(1) == 1 and device == "cpu" and not self.training:
                after = self._one(inputs[:, 0], hidden)
                return after[0].transpose(0, 1), after
        state = hidden if hidden is None or self.states == 2 else hidden[0]
        if self.training and self.recurrent_dropout:
            weights = functional.dropout(self.layer.get_parameter("weight_hh_l0"), self.recurrent_dropout)
            outputs, after = functional_call(self.layer, {"weight_hh_l0": weights}, (inputs, state))
        else:
            outputs, after = self.layer(inputs, state)
        return outputs, after if self.states == 2 else (after,)

    def _one(self, inputs: Tensor, hidden: Hidden) -> Hidden:
        """The state after one position's ``inputs`` (batch, input_size)."""
        weights = [self.layer.get_parameter(name) for name in WEIGHTS]
        return advance_plainly(self.cell, inputs, hidden, weights)


class SequenceDropout(nn.Module):
    """Dropout that leaves out the same features at every position of a sequence while training.

    Better for recurrent layers than a new choice at each position, and cheaper.
    Source: Gal and Ghahramani, 2016, arXiv:1512.05287.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, vectors: Tensor) -> Tensor:
        """Drop features of ``vectors`` (rows, length, size), the others scaled up to make up for it."""
        if not self.training or not self.share:
            return vectors
        keep = 1 - self.share
        return vectors * vectors.new_empty(len(vectors), 1, vectors.size(2)).bernoulli_(keep).div_(keep)

"""The recurrent decoder that captioning, translation and text generation share."""

from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.attention import Attention, Memory
from common.recurrence import CELLS, Cell, Hidden, Recurrence, SequenceDropout


@dataclass(frozen=True)
class DecoderConfig:
    """The shape of a decoder.

    Attributes:
        vocabulary_size: Number of different tokens.
        embedding_size: Size of a token's vector, and of the bottleneck before the output layer.
        hidden_size: Size of each recurrent layer.
        layers: Number of recurrent layers.
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        summary_size: Size of the vector that the first state is made from; 0 starts from zeros.
        memory_size: Size of each vector of the memory that attention reads; 0 turns attention off.
        heads: Number of attention heads.
        dropout: Share of activations zeroed while training.
        recurrent_dropout: Share of the recurrent weights zeroed while training; see
            :class:`~common.recurrence.Recurrence`.
        embedding_dropout: Share of the vocabulary that is not read while training, each token
            of it nowhere in a batch (Gal and Ghahramani, 2016, arXiv:1512.05287, section 4.2).
    """

    vocabulary_size: int
    embedding_size: int = 256
    hidden_size: int = 512
    layers: int = 2
    cell: Cell = "lstm"
    summary_size: int = 0
    memory_size: int = 0
    heads: int = 4
    dropout: float = 0.3
    recurrent_dropout: float = 0.0
    embedding_dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("vocabulary_size", "embedding_size", "hidden_size", "layers", "heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("summary_size", "memory_size"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if self.memory_size and self.hidden_size % self.heads:
            raise ValueError(f"heads must divide the hidden size {self.hidden_size}, got {self.heads}")
        if self.cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {self.cell!r}")
        for name in ("dropout", "recurrent_dropout", "embedding_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")


@dataclass(frozen=True)
class DecoderState:
    """All that a decoder knows between two steps; the one place that knows each batch axis.

    Attributes:
        hidden: For each recurrent layer its state, each part (1, rows, hidden_size).
        memory: What attention reads, for each item; None without attention.
    """

    hidden: tuple[Hidden, ...]
    memory: Memory | None = None

    @classmethod
    def unstack(cls, stacked: Tensor) -> "DecoderState":
        """The state without memory whose :meth:`stack` that is."""
        return cls(
            tuple(tuple(part.unsqueeze(0).contiguous() for part in layer.unbind(0)) for layer in stacked)
        )

    def stack(self) -> Tensor:
        """All but the memory in one tensor, (layers, parts, rows, hidden_size)."""
        return torch.stack([torch.cat(layer) for layer in self.hidden])

    @property
    def rows(self) -> int:
        """Number of sequences that are being decoded."""
        return self.hidden[0][0].size(1)

    def select(self, rows: Tensor) -> "DecoderState":
        """The states of ``rows``, int64 (n,), in that order, with repetitions if any.

        After :meth:`widen` the rows of an item must stay together and complete.
        """
        hidden = tuple(tuple(part.index_select(1, rows) for part in layer) for layer in self.hidden)
        if self.memory is None:
            return DecoderState(hidden)
        items = self.memory.keys.size(0)
        width = self.rows // items
        kept = rows[::width] // width
        # Beams change places within their item at every step: its memory need not be copied then.
        if len(kept) == items and torch.equal(kept, torch.arange(items, device=rows.device)):
            return DecoderState(hidden, self.memory)
        return DecoderState(hidden, self.memory.select(kept))

    def widen(self, width: int) -> "DecoderState":
        """Each row ``width`` times, side by side, all reading the one memory of their item."""
        hidden = tuple(tuple(part.repeat_interleave(width, 1) for part in layer) for layer in self.hidden)
        return DecoderState(hidden, self.memory)


class FastStep(Protocol):
    """What a decoder's :attr:`~Decoder.fast` is."""

    def __call__(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The step: see :meth:`Decoder.forward`."""

    def narrowed(self, decoder: "Decoder") -> Self:
        """That of ``decoder``, which is the same but for its tokens."""


class Decoder(nn.Module):
    """Embedding, recurrent layers, attention after the first of them, bottleneck, tied output.

    The first layer's output is the query; what attention reads is added to it, so
    the layers above decide knowing what was found (as in top-down attention, Anderson
    et al., 2018, arXiv:1707.07998, without feeding the output back). Therefore a whole
    target can be read in one call, and the same call with one token is the step of
    every decoding method. Layers above the first are residual and normalised. The
    output layer is the embedding itself (Press and Wolf, 2017, arXiv:1608.05859).

    Attributes:
        fast: Computes nearly what :meth:`forward` does, only faster, for decoding on a processor; of
            the weights at the time when it was made (:class:`common.fast_step.FastDecoder`).
    """

    fast: FastStep | None = None

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        size = config.hidden_size
        # Of variance 1 / embedding_size. Uniform rather than normal, since drawing those without
        # memory, as when a model is loaded, makes PyTorch import its compiler.
        bound = (3 / config.embedding_size) ** 0.5
        vectors = torch.empty(config.vocabulary_size, config.embedding_size).uniform_(-bound, bound)
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=False)  # type: ignore[no-untyped-call]
        inputs = [config.embedding_size] + [size] * (config.layers - 1)
        recurrences = [Recurrence(config.cell, each, size, config.recurrent_dropout) for each in inputs]
        self.layers = nn.ModuleList(recurrences)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(config.layers))
        self.attention = Attention(size, config.memory_size, config.heads) if config.memory_size else None
        self.states = recurrences[0].states
        firsts = config.layers * self.states * size
        self.bridge = nn.Linear(config.summary_size, firsts) if config.summary_size else None
        self.bottleneck = nn.Linear(size, config.embedding_size)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary_size))
        self.dropout = SequenceDropout(config.dropout)

    def narrowed(self, ids: Tensor) -> "Decoder":
        """A decoder to which the tokens ``ids``, int64 (n,), are 0, 1, ... and all there are.

        The tokens' own weights are copied, all others shared.
        """
        with torch.device("meta"):
            part = Decoder(replace(self.config, vocabulary_size=len(ids)))
        part.layers, part.norms, part.attention = self.layers, self.norms, self.attention
        part.bridge, part.bottleneck, part.dropout = self.bridge, self.bottleneck, self.dropout
        part.embedding = nn.Embedding.from_pretrained(self.embedding.weight.detach()[ids])  # type: ignore[no-untyped-call]
        part.bias = nn.Parameter(self.bias.detach()[ids])
        part.fast = self.fast and self.fast.narrowed(part)
        part.training = self.training
        return part

    def start(
        self, summary: Tensor | None = None, memory: Tensor | None = None, mask: Tensor | None = None
    ) -> DecoderState:
        """The state before the first token of an encoded source.

        Args:
            summary: The source in one vector, (batch, summary_size).
            memory: The source position by position, (batch, source_length, memory_size);
                not looked at by a decoder without attention.
            mask: bool, (batch, source_length), True where the source is real; None where all is.
        """
        if self.bridge is None or summary is None:
            raise ValueError("start needs a summary and a decoder with summary_size > 0; see start_empty")
        shape = len(summary), self.config.layers, self.states, self.config.hidden_size
        first = torch.tanh(self.bridge(summary)).view(shape)
        state = DecoderState.unstack(first.permute(1, 2, 0, 3))
        if self.attention is None:
            return state
        if memory is None:
            raise ValueError("a decoder with attention needs a memory")
        return DecoderState(state.hidden, self.attention.remember(memory, mask))

    def start_empty(self, batch: int) -> DecoderState:
        """The zero state of ``batch`` rows: nothing has been read yet."""
        zeros = self.bias.new_zeros(1, batch, self.config.hidden_size)
        return DecoderState(((zeros,) * self.states,) * self.config.layers)

    def forward(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The step: read ``tokens`` (rows, length), int64, on from ``state``.

        A whole target in one call (training), a prompt, or one token at a time: the
        results are the same.

        Returns:
            Unnormalised log-probabilities of the next token after each position,
            (rows, length, vocabulary_size), and the state after the last one.
        """
        features, state, _ = self.read(tokens, state)
        return self.logits(features), state

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """What decoding calls: :attr:`fast` where there is one and it applies, otherwise :meth:`forward`."""
        step = self if self.fast is None or self.training or tokens.device.type != "cpu" else self.fast
        return step(tokens, state)

    def read(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState, Tensor | None]:
        """Like the step, but return what the output layer would see and where attention looked.

        Returns:
            Features (rows, length, embedding_size), the new state, and the attention
            weights (rows, length, source_length) or None.
        """
        vectors = self.dropout(self._embedded(tokens))
        hidden: list[Hidden] = []
        weights = None
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            outputs, after = layer(vectors, state.hidden[index])
            hidden.append(after)
            vectors = outputs if index == 0 else vectors + outputs
            if index == 0 and self.attention is not None and state.memory is not None:
                found, weights = self.attention(self.dropout(outputs), state.memory)
                vectors = vectors + found
            vectors = self.dropout(norm(vectors))
        return self.bottleneck(vectors), DecoderState(tuple(hidden), state.memory), weights

    def _embedded(self, tokens: Tensor) -> Tensor:
        """The tokens' vectors, zeros for those that this call does without."""
        vectors: Tensor = self.embedding(tokens)
        if not self.training or not self.config.embedding_dropout:
            return vectors
        ones = vectors.new_ones(self.config.vocabulary_size, 1)
        return vectors * functional.dropout(ones, self.config.embedding_dropout)[tokens]

    def logits(self, features: Tensor) -> Tensor:
        """Unnormalised log-probabilities (..., vocabulary_size) of ``features`` (..., embedding_size)."""
        return functional.linear(features, self.embedding.weight, self.bias)

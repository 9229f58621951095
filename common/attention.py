"""Attention: a query reads an encoder's memory."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.device import quick


@dataclass(frozen=True)
class Memory:
    """What an encoder leaves to be read, already projected, once for each item.

    Attributes:
        keys: (items, heads, source_length, head_size).
        values: (items, heads, source_length, head_size).
        mask: bool, (items, source_length), True where the source is real; None where all of it is.
    """

    keys: Tensor
    values: Tensor
    mask: Tensor | None

    def select(self, items: Tensor) -> "Memory":
        """The memory of ``items``, int64 (n,), in that order."""
        mask = None if self.mask is None else self.mask.index_select(0, items)
        return Memory(self.keys.index_select(0, items), self.values.index_select(0, items), mask)


class Attention(nn.Module):
    """Scaled dot-product attention with several heads.

    Source: Vaswani et al., 2017, arXiv:1706.03762, section 3.2; with one head and a
    recurrent query it is Luong's "general" attention (2015, arXiv:1508.04025).
    """

    def __init__(self, query_size: int, memory_size: int, heads: int) -> None:
        super().__init__()
        if query_size % heads:
            raise ValueError(f"heads must divide the hidden size {query_size}, got {heads}")
        self.heads = heads
        self.query = nn.Linear(query_size, query_size, bias=False)
        self.key = nn.Linear(memory_size, query_size, bias=False)
        self.value = nn.Linear(memory_size, query_size, bias=False)
        self.output = nn.Linear(query_size, query_size)

    def remember(self, memory: Tensor, mask: Tensor | None) -> Memory:
        """Project ``memory`` (items, source_length, memory_size) once, to be read at every step."""
        with quick(memory.device):
            keys, values = self.key(memory), self.value(memory)
        # Contiguous, as every step's products would otherwise copy them.
        keys, values = (self._split(each.to(memory.dtype)).contiguous() for each in (keys, values))
        return Memory(keys, values, mask)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Read ``memory`` with ``queries`` (rows, length, query_size).

        There may be several rows to an item of memory (the hypotheses of a beam, the
        captions of an image): rows of one item lie together, as many to each.

        Returns:
            What was read, (rows, length, query_size), and the weights averaged over the
            heads, (rows, length, source_length).
        """
        context, weights = self._look(self.query(queries), memory)
        return self.output(context), weights.mean(1).view(*queries.shape[:2], -1)

    def context(self, queries: Tensor, memory: Memory) -> Tensor:
        """What projected ``queries`` (rows, length, query_size) read, of that shape, yet to be projected."""
        if len(memory.keys) > 1:
            return self._look(queries, memory)[0]
        # Of one item alone PyTorch's fused attention takes a third of the time on a processor; of many, more.
        query, mask = self._split(queries.view(1, -1, queries.size(-1))), memory.mask
        mask = None if mask is None else mask[:, None, None, :]
        found = functional.scaled_dot_product_attention(query, memory.keys, memory.values, mask)
        return found.transpose(1, 2).reshape(queries.shape)

    def _look(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """The same, and the weights, (items, heads, rows of an item x length, source_length)."""
        query = self._split(queries.view(len(memory.keys), -1, queries.size(-1)))
        scores = query * query.size(-1) ** -0.5 @ memory.keys.transpose(-1, -2)
        if memory.mask is not None:
            scores = scores.masked_fill(~memory.mask[:, None, None, :], torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1)
        return (weights @ memory.values).transpose(1, 2).reshape(queries.shape), weights

    def _split(self, vectors: Tensor) -> Tensor:
        """(items, length, size) to (items, heads, length, head_size)."""
        items, length, size = vectors.shape
        return vectors.view(items, length, self.heads, size // self.heads).transpose(1, 2)

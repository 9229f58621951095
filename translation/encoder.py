"""The bidirectional recurrent encoder: a sentence becomes a memory and a summary."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from common.recurrence import CELLS, Cell, Recurrence, SequenceDropout


@dataclass(frozen=True)
class EncoderConfig:
    """The shape of a sentence encoder.

    Attributes:
        embedding_size: Size of the word vectors that come in.
        hidden_size: Size of each direction; memory and summary are twice as wide.
        layers: Number of bidirectional layers.
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        dropout: Share of activations zeroed while training.
    """

    embedding_size: int = 256
    hidden_size: int = 256
    layers: int = 2
    cell: Cell = "lstm"
    dropout: float = 0.3

    def __post_init__(self) -> None:
        for name in ("embedding_size", "hidden_size", "layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {self.cell!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")


class SentenceEncoder(nn.Module):
    """Reads a sentence from both ends (Schuster and Paliwal, 1997; Bahdanau et al., 2015).

    Each direction is a layer of its own and the second reads every sentence reversed
    within its length. So padding always comes after what is read and changes nothing,
    and sequences are packed, which loses PyTorch's fast kernels, only where padding is much.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        size, wide = config.hidden_size, 2 * config.hidden_size
        inputs = [config.embedding_size] + [wide] * (config.layers - 1)
        self.forwards = nn.ModuleList(Recurrence(config.cell, each, size) for each in inputs)
        self.backwards = nn.ModuleList(Recurrence(config.cell, each, size) for each in inputs)
        self.norms = nn.ModuleList(nn.LayerNorm(wide) for _ in inputs)
        self.dropout = SequenceDropout(config.dropout)

    def forward(self, vectors: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read word ``vectors`` (batch, length, embedding_size); ``lengths``, int64 (batch,), are all >= 1.

        Returns:
            The memory (batch, length, 2 x hidden_size); the summary (batch, 2 x hidden_size),
            what each direction knows at its end; the mask (batch, length), True where real.
        """
        places = torch.arange(vectors.size(1), device=vectors.device)
        mask = places < lengths.unsqueeze(1)
        batch = torch.arange(len(vectors), device=vectors.device)
        reverse = torch.where(mask, lengths.unsqueeze(1) - 1 - places, places)
        reverse += batch.unsqueeze(1) * vectors.size(1)
        vectors = self.dropout(vectors)
        packs = not self.training and _pays_to_pack(vectors, lengths)
        for index, norm in enumerate(self.norms):
            turned = functional.embedding(reverse, vectors.flatten(0, 1))
            if packs:
                ahead = _packed(self.forwards[index], vectors, lengths)
                back = _packed(self.backwards[index], turned, lengths)
            else:
                ahead, back = self.forwards[index](vectors)[0], self.backwards[index](turned)[0]
            outputs = torch.cat([ahead, functional.embedding(reverse, back.flatten(0, 1))], -1)
            summary = torch.cat([ahead[batch, lengths - 1], back[batch, lengths - 1]], -1)
            vectors = self.dropout(norm(outputs if index == 0 else vectors + outputs))
        return vectors, summary, mask


def _pays_to_pack(vectors: Tensor, lengths: Tensor) -> bool:
    """Whether leaving padding out takes less time: on a processor, if there is much of it to many rows."""
    rows, length = vectors.shape[:2]
    is_plain = vectors.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    return is_plain and rows >= 16 and 4 * int(lengths.sum()) < 3 * rows * length


def _packed(layer: nn.Module, vectors: Tensor, lengths: Tensor) -> Tensor:
    """The outputs of a layer for ``vectors`` (batch, length, size), zeros where there is padding."""
    sequences = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
    outputs, _ = layer.get_submodule("layer")(sequences)
    return pad_packed_sequence(outputs, batch_first=True, total_length=vectors.size(1))[0]

"""Low-rank changes to a translator's weights, for one language that it writes."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class AdapterConfig:
    """An adapter's shape, and what it is for.

    Attributes:
        target: The language to write.
        rank: Of the change to each matrix.
    """

    target: str
    rank: int

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"rank must be at least 1, got {self.rank}")


class Adapter(nn.Module):
    """What to add to the matrices of an encoder and a decoder, each a product of two narrow ones.

    All but the word vectors are changed (LoRA: Hu et al., 2022, arXiv:2106.09685); a new adapter
    changes nothing. So what one language gains costs the others nothing, and no time.
    """

    def __init__(self, network: nn.Module, rank: int) -> None:
        """Of the parts ``encoder`` and ``decoder`` of a network."""
        super().__init__()
        self.up, self.down = nn.ParameterDict(), nn.ParameterDict()
        for name, weight in network.named_parameters():
            if name.startswith(("encoder.", "decoder.")) and weight.ndim == 2 and "embedding" not in name:
                outputs, inputs = weight.shape
                bound = (3 / inputs) ** 0.5  # of variance 1 / inputs; not normal: see common.decoder.Decoder
                self.up[_key(name)] = nn.Parameter(torch.zeros(outputs, rank))
                self.down[_key(name)] = nn.Parameter(torch.empty(rank, inputs).uniform_(-bound, bound))

    def forward(self, network: nn.Module) -> dict[str, Tensor]:
        """The changed weights of the network, by their names in it."""
        return {
            name: weight + self.up[_key(name)] @ self.down[_key(name)]
            for name, weight in network.named_parameters()
            if _key(name) in self.up
        }


def _key(name: str) -> str:
    """A parameter's name as that of a part, which may have no dots."""
    return name.replace(".", "/")

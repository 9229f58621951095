"""What people wrote about photographs that look alike: the caption that agrees most with it is chosen.

A captioner knows how captions are worded; what people call the things on such a photograph is known from the
captions of similar training photographs. Source: the consensus of Devlin et al., 2015, arXiv:1505.04467,
section 3.2, here among a beam's captions instead of the similar photographs' own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from captioning.phrases import Array, Phrases
from common.errors import InputError
from common.search import Hypothesis

FILE = "consensus.safetensors"

WEIGHT = 2.0
"""What an agreement of 1, of at most 10, counts beside a nat of log-probability for each token."""

FEWEST = 2_000
"""Photographs from which on it helps: among 30 to 600 of Flickr8k's few are similar to another one."""

DIRECTIONS = 384
"""In which photographs are compared, at most."""


@dataclass(frozen=True)
class Consensus:
    """The photographs that a captioner has learned from, and what people wrote about them.

    What is multiplied is PyTorch's: NumPy's products have threads of their own, which go on spinning when
    they are done and make what comes next slower.

    Attributes:
        middle: The mean of the photographs' summaries, (channels,).
        directions: Those in which they differ most, (channels, directions).
        photographs: What is left of each of them in these directions, of length 1, (photographs, directions).
        phrases: Of each language.
    """

    middle: Tensor
    directions: Tensor
    photographs: Tensor
    phrases: Mapping[str, Phrases]

    @classmethod
    def of(cls, summaries: Tensor, captions: Mapping[str, Mapping[int, Sequence[str]]]) -> Consensus:
        """From photographs' summaries (photographs, channels), and in each language captions by their row."""
        middle = summaries.mean(0)
        others = summaries - middle
        directions = torch.linalg.eigh(others.T @ others)[1][:, -DIRECTIONS:]
        phrases = {language: Phrases.of(written) for language, written in captions.items()}
        return cls(middle, directions, normalize(others @ directions, dim=1), phrases)

    def similarities(self, summaries: Tensor) -> Tensor:
        """Cosines of photographs' summaries (batch, channels) with those on record, (batch, photographs)."""
        directed = normalize((summaries.cpu().float() - self.middle) @ self.directions, dim=1)
        return directed @ self.photographs.T

    def best_first(
        self,
        language: str,
        summaries: Tensor,
        found: Sequence[Sequence[Hypothesis]],
        text_of: Callable[[Hypothesis], str],
    ) -> list[list[Hypothesis]]:
        """Each photograph's captions by probability and agreement together, the best first.

        Args:
            language: Of the captions; if there are no :attr:`phrases` of it, they stay in their order.
            summaries: Of the photographs, (batch, channels).
            found: Captions of each of them.
            text_of: Their texts.
        """
        if language not in self.phrases:
            return [list(each) for each in found]
        ordered = []
        for similarities, captions in zip(self.similarities(summaries).numpy(), found, strict=True):
            agreement = self.phrases[language].agreement(similarities, list(map(text_of, captions)))
            likely = [each.score / max(1, len(each.tokens)) for each in captions]
            order = np.argsort(-(likely + WEIGHT * agreement), kind="stable")
            ordered.append([captions[place] for place in order])
        return ordered

    def save(self, directory: Path) -> None:
        """Write :data:`FILE` into a model directory."""
        arrays = {
            "middle": self.middle.numpy(),
            "directions": self.directions.half().numpy(),  # half of the bytes, here and below
            "photographs": (self.photographs * (127 / self.photographs.abs().max())).round().char().numpy(),
        }
        for language, phrases in self.phrases.items():
            kept = replace(phrases, weights=phrases.weights.astype(np.float16))
            arrays |= {f"{language}.{each.name}": getattr(kept, each.name) for each in fields(Phrases)}
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, directory / FILE)
        (directory / FILE).chmod(0o644)  # the library makes it readable to its owner alone

    @classmethod
    def load(cls, directory: Path) -> Consensus | None:
        """What a model directory has of it.

        Raises:
            InputError: The file is damaged.
        """
        path = directory / FILE
        if not path.exists():
            return None
        try:
            arrays = load_file(path)
            names = [each.name for each in fields(Phrases)]
            languages = [name.partition(".")[0] for name in arrays if name.endswith(".checksums")]
            phrases = {
                each: Phrases(*(_wide(arrays[f"{each}.{name}"]) for name in names)) for each in languages
            }
            middle, directions, photographs = (
                torch.from_numpy(arrays[name]).float() for name in ("middle", "directions", "photographs")
            )
        except (OSError, SafetensorError, KeyError) as error:
            raise InputError(f"{path}: damaged ({error}); copy the model again or train it anew") from error
        return cls(middle, directions, normalize(photographs, dim=1), phrases)


def _wide(array: Array) -> Array:
    return array.astype(np.float32) if array.dtype == np.float16 else array

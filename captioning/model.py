"""The captioner: an image encoder and the shared decoder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol, Self, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from captioning.consensus import Consensus
from captioning.encoder import ImageEncoder, ImageEncoderConfig
from captioning.photographs import read_photograph, to_pixels
from captioning.variety import distinct, fluent_first, widened
from common.config import as_values
from common.constraints import Constraints
from common.decoder import Decoder, DecoderConfig, DecoderState
from common.device import full_precision, quick
from common.errors import InputError
from common.loss import Loss
from common.model_directory import Model, Storage, load_model, save_model
from common.result import Result, make_result
from common.search import Beam, Hypothesis, Strategy, decode
from common.tokenizer import Tokenizer
from data.tidy import capitalised

KIND = "captioner"
BUILT_IN = Path(__file__).parent / "pretrained"
USUAL = Beam(3)
"""How to caption unless told otherwise."""
Photograph = Path | str | BinaryIO | bytes | Image.Image


@dataclass(frozen=True)
class CaptionerConfig:
    """The shape of a captioner.

    Attributes:
        encoder: Of its image encoder.
        decoder: Of its decoder; its ``summary_size`` is the encoder's number of channels, and
            its ``memory_size`` the size that the grid is projected to, or 0 without attention.
        languages: Those it writes, the default first.
        maximum_length: Most tokens of a caption.
    """

    encoder: ImageEncoderConfig
    decoder: DecoderConfig
    languages: tuple[str, ...] = ("en",)
    maximum_length: int = 40


class Batch(Protocol):
    """What a captioner learns from."""

    def loss(self, captioner: "Captioner", label_smoothing: float, /) -> Loss:
        """What the captioner is to bring down."""


class Captioner(Model):
    """Describes photographs.

    The mean of the ResNet's grid becomes the decoder's initial state (Show and Tell,
    Vinyals et al., 2015, arXiv:1411.4555); with attention, the grid is also its memory
    (Show, Attend and Tell, Xu et al., 2015, arXiv:1502.03044).
    """

    def __init__(self, config: CaptionerConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.encoder = ImageEncoder(config.encoder)
        self.decoder = Decoder(config.decoder)
        channels, memory = config.encoder.channels, config.decoder.memory_size
        self.norm = nn.LayerNorm(channels)
        self.project = nn.Linear(channels, memory) if memory else None
        # Where in the picture a vector comes from, so that "left of" can be said.
        self.position = nn.Parameter(torch.zeros(config.encoder.places, memory)) if memory else None
        self.dropout = nn.Dropout(config.decoder.dropout)
        self.consensus: Consensus | None = None

    @classmethod
    def load(cls, directory: Path | str | None = None, *, device: str = "auto") -> Self:
        """Load a model directory, by default the built-in one; nothing is fetched.

        Raises:
            InputError: The directory is missing, damaged, of another kind or newer format.
        """
        directory = Path(directory or BUILT_IN)
        captioner = load_model(cls, CaptionerConfig, KIND, directory, device)
        captioner.consensus = Consensus.load(directory)
        return captioner

    def save(self, directory: Path, storage: Storage = "float32") -> None:
        """Write a model directory; see :func:`common.model_directory.save_model`."""
        save_model(directory, KIND, as_values(self.config), self.state_dict(), self.tokenizer, storage)
        if self.consensus:
            self.consensus.save(directory)

    def start(self, features: Tensor) -> DecoderState:
        """The decoder's first state from the early features (images, height, width, channels)."""
        return self.decoder.start(*self.encode(features))

    def encode(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the decoder starts from: the images' summary (images, channels) and, for attention,
        their memory (images, places, memory_size).
        """
        features = features.to(self.device)
        with quick(self.device):
            if features.is_floating_point() and not torch.is_autocast_enabled(self.device.type):
                features = features.float()  # they are kept in 16 bits
            grid = self.norm(self.encoder(features).float())
            memory = None if self.project is None else self.project(self.dropout(grid)) + self.position
        return self.dropout(grid.mean(1)), None if memory is None else full_precision(memory)

    def loss(self, batch: Batch, label_smoothing: float = 0.0) -> Loss:
        """The loss of a batch: of people's captions, or of captions drawn for a reward."""
        return batch.loss(self, label_smoothing)

    @overload  # a str is a sequence of str too, but then comes first
    def caption(  # type: ignore[overload-overlap]
        self,
        photograph: Photograph,
        strategy: Strategy = ...,
        *,
        language: str | None = ...,
        constraints: Constraints = ...,
    ) -> Result: ...
    @overload
    def caption(
        self,
        photograph: Sequence[Photograph],
        strategy: Strategy = ...,
        *,
        language: str | None = ...,
        constraints: Constraints = ...,
        items: Sequence[int] | None = ...,
    ) -> list[Result]: ...

    def caption(
        self,
        photograph: Photograph | Sequence[Photograph],
        strategy: Strategy = USUAL,
        *,
        language: str | None = None,
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
        items: Sequence[int] | None = None,
    ) -> Result | list[Result]:
        """Describe a photograph, or several at once.

        Args:
            photograph: A path, its bytes, an open file or a Pillow image, or a list of them.
            strategy: :class:`~common.search.Beam` or :class:`~common.sampling.Sampling`. With a
                ``count`` it is :func:`~captioning.variety.widened`, and near-duplicates are left out.
            language: Of the caption; the model's first without.
            constraints: What it must be like.
            items: The number of each photograph in a longer list, of which these are a part:
                sampling depends on it.

        Raises:
            InputError: A picture cannot be read, or the model does not write the language.
        """
        if isinstance(photograph, (Path, str, bytes, Image.Image)) or hasattr(photograph, "read"):
            alone: list[Photograph] = [photograph]  # type: ignore[list-item]
            return self.caption(alone, strategy, language=language, constraints=constraints)[0]
        if not len(photograph):
            return []
        pixels = np.stack([self.pixels(each) for each in photograph])
        return self.caption_pixels(
            torch.from_numpy(pixels), strategy, language=language, constraints=constraints, items=items
        )

    def pixels(self, photograph: Photograph) -> np.ndarray:
        """Read a photograph as the encoder wants it, uint8 (image_size, image_size, 3).

        Raises:
            InputError: It cannot be read.
        """
        size = self.config.encoder.image_size
        return to_pixels(read_photograph(photograph, size), size)

    @torch.inference_mode()
    def caption_pixels(
        self,
        pixels: Tensor,
        strategy: Strategy,
        *,
        language: str | None = None,
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
        items: Sequence[int] | None = None,
    ) -> list[Result]:
        """Describe photographs, uint8 (batch, image_size, image_size, 3), or early features of them."""
        # It has never learned from a caption that begins otherwise.
        constraints = replace(constraints, prefix=capitalised(constraints.prefix))
        start = constraints.start(self.tokenizer)
        rules = constraints.rules(
            self.tokenizer, start, eos=Tokenizer.EOS, max_length=self.config.maximum_length
        )
        prompt = torch.tensor([[self.language_tag(language), *start.ids]], device=self.device)
        summaries, memory = self.encode(pixels)
        decoded = decode(
            self.decoder.step,
            self.decoder.start(summaries, memory),
            prompt.expand(len(pixels), -1),
            widened(strategy),
            rules,
            items=items,
        )

        def text_of(hypothesis: Hypothesis) -> str:
            return self.tokenizer.decode(hypothesis.tokens)

        if self.consensus and isinstance(strategy, Beam):
            language = language or self.config.languages[0]
            decoded = self.consensus.best_first(language, summaries, decoded, text_of)
        # Compared without the prefix, which they all have.
        kept = [distinct(fluent_first(each, text_of), strategy.count, text_of) for each in decoded]
        return [make_result(hypotheses, self.tokenizer, start.ids) for hypotheses in kept]

    def language_tag(self, language: str | None) -> int:
        """The token that asks for a language. Raises InputError if the model does not write it."""
        language = language or self.config.languages[0]
        if language not in self.config.languages:
            known = ", ".join(self.config.languages)
            raise InputError(f"this model does not write captions in {language}; it writes {known}")
        return self.tokenizer.special(f"<{language}>")

"""What a captioner learns from: images and people's captions of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from common.loss import Loss, mean_loss, sequence_loss
from common.tokenizer import Tokenizer

if TYPE_CHECKING:
    from captioning.model import Captioner


@dataclass(frozen=True)
class CaptionBatch:
    """Images and their captions.

    Attributes:
        features: Of each image: pixels, uint8 (images, image_size, image_size, 3), or what the
            encoder's early stages made of them, (images, height, width, channels).
        captions: Language tag, caption and end-of-sentence, padded, int64
            (images x captions of each, length), those of one image together.
    """

    features: Tensor
    captions: Tensor

    def loss(self, captioner: Captioner, label_smoothing: float = 0.0) -> Loss:
        """The cross-entropy of the captions given their images."""
        state, captions = captioner.start(self.features), self.captions.to(captioner.device)
        count = len(captions) // len(self.features)
        if captions.device.type == "cpu":
            parts = [(state, some) for some in _by_length(captions, count)]
        else:  # where padding costs less than more calls do
            parts = [(state.widen(count), captions)]
        return mean_loss(
            [
                sequence_loss(
                    captioner.decoder, *part, padding=Tokenizer.PAD, label_smoothing=label_smoothing
                )
                for part in parts
            ]
        )


def _by_length(captions: Tensor, count: int) -> list[Tensor]:
    """Captions (images x count, length) as ``count`` times one for each image, (images, length).

    First the shortest of each; padding that none of them needs is left out.
    """
    lengths, order = (captions != Tokenizer.PAD).sum(1).view(-1, count).sort(dim=1, stable=True)
    order += count * torch.arange(len(order)).unsqueeze(1)
    longest = lengths.amax(0).tolist()
    return [captions[rows, :length] for rows, length in zip(order.unbind(1), longest, strict=True)]

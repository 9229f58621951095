"""The image encoder: a pretrained ResNet without its classifier."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from captioning.resnet import BACKBONES, fold, make_stages, make_stem
from captioning.vision import import_models
from common.errors import InputError

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in ImageNet, from 0 to 1."""

_AT_ONCE = 8
"""Photographs that pass through the network together on a processor: of more the features, 10 MB each,
are written to memory and read again, and the memory must be there."""


@dataclass(frozen=True)
class ImageEncoderConfig:
    """The shape of an image encoder.

    Attributes:
        backbone: One of :data:`BACKBONES`.
        image_size: Side of the square that a photograph is squashed to, in pixels.
        pool_pads_end: Whether the first pooling pads only at the end, as in the network's
            TensorFlow version; weights converted from there need it.
    """

    backbone: str = "resnet50"
    image_size: int = 224
    pool_pads_end: bool = False

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise ValueError(f"backbone must be one of {', '.join(BACKBONES)}, got {self.backbone!r}")
        if self.image_size < 32:
            raise ValueError(f"image_size must be at least 32, got {self.image_size}")
        if self.image_size % 32:
            raise ValueError(f"image_size must be a multiple of 32, got {self.image_size}")

    @property
    def channels(self) -> int:
        """Size of the vector at each place of the grid."""
        return BACKBONES[self.backbone]

    @property
    def places(self) -> int:
        """Number of places of the grid."""
        return (self.image_size // 32) ** 2


class ImageEncoder(nn.Module):
    """A ResNet (He et al., 2016, arXiv:1512.03385) without its classifier, in two parts.

    ``early`` does not learn, so its output can be kept; ``late``, the last stages, does. All
    is ``early`` unless told otherwise by :meth:`train_stages`. Batch normalisation is as it was
    pretrained, always: it is part of the convolutions.
    """

    def __init__(self, config: ImageEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = make_stem(pool_pads_end=config.pool_pads_end)
        self.stages = make_stages(config.backbone)
        # Channels last is the layout that convolutions on a processor are fastest in.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.train_stages(0)

    @property
    def parts(self) -> list[nn.Module]:
        """The stem and the four stages, in order."""
        return [self.stem, *self.stages]

    def train_stages(self, count: int) -> None:
        """Let the convolutions of the last ``count`` stages learn, those alone; with 5, the stem's too.

        Raises:
            ValueError: There are not so many.
        """
        if not 0 <= count <= len(self.parts):
            raise ValueError(f"trained_stages must be from 0 to {len(self.parts)}, got {count}")
        self.trained_stages = count
        self.requires_grad_(False)
        for part in self.parts[len(self.parts) - count :]:
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    module.weight.requires_grad_(True)

    def load_pretrained(self, weights: str) -> None:
        """Take the weights of torchvision (``"torchvision"``, fetched once) or of a local ``state_dict``.

        Raises:
            InputError: The file is missing, damaged, or of another network.
        """
        try:
            if weights == "torchvision":
                models = import_models()
                state = models.get_model_weights(self.config.backbone).DEFAULT.get_state_dict(check_hash=True)
            else:
                state = load_file(Path(weights))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise InputError(
                f"{weights}: no weights could be read ({error}); model.weights is a safetensors file, "
                f'or "torchvision" to fetch them from the internet'
            ) from error
        try:
            self.load_state_dict(fold(state), strict=True)
        except (KeyError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{weights}: not the weights of a {self.config.backbone}; "
                f"set model.backbone to the network that they are of"
            ) from error

    def forward(self, images: Tensor) -> Tensor:
        """The grid (batch, places, channels) of pixels, as ``early`` takes them, or of what that returned."""
        return self.late(self.early(images))

    def early(self, pixels: Tensor) -> Tensor:
        """What does not learn.

        Args:
            pixels: Red, green and blue in 0..255, uint8, (batch, image_size, image_size, 3);
                anything else has been here before, and is returned as it is.

        Returns:
            Features for ``late``, (batch, height, width, channels).
        """
        if pixels.dtype != torch.uint8:
            return pixels
        if torch.is_grad_enabled() or pixels.device.type != "cpu":
            return self._early(pixels)
        return torch.cat([self._early(some) for some in torch.split(pixels, _AT_ONCE)])

    def _early(self, pixels: Tensor) -> Tensor:
        # Of whole rows, since what is done to three numbers at a time takes three times as long.
        mean, deviation = (
            pixels.new_tensor(each, dtype=torch.float32).repeat(pixels.size(2))
            for each in (_MEAN, _DEVIATION)
        )
        images = pixels.flatten(2).float().div_(255).sub_(mean).div_(deviation).view(pixels.shape)
        features = images.permute(0, 3, 1, 2)  # channels last, as they are
        for part in self.parts[: len(self.parts) - self.trained_stages]:
            features = part(features)
        return features.permute(0, 2, 3, 1)

    def late(self, features: Tensor) -> Tensor:
        """What learns: from what ``early`` returned to the grid, (batch, places, channels)."""
        features = features.permute(0, 3, 1, 2)
        for part in self.parts[len(self.parts) - self.trained_stages :]:
            features = part(features)
        return features.flatten(2).transpose(1, 2)

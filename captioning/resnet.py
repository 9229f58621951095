"""ResNets with their batch normalisation folded into the convolutions.

torchvision has the same networks, and their weights. But it takes a second to import, and keeps
the batch normalisation apart, which at each convolution reads and writes all features once
more. A normalisation whose statistics no longer change is a factor and an offset of each channel.
"""

from collections.abc import Mapping
from typing import Any
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn
from torch.nn import functional

BACKBONES = {"resnet18": 512, "resnet34": 512, "resnet50": 2048, "resnet101": 2048, "resnet152": 2048}
"""The ResNets there are, and the channels of their last stage."""
_BLOCKS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
}
_EPSILON = 1e-5
"""That of torchvision's batch normalisation."""
_HAS_OPERATIONS = hasattr(torch.ops.mkldnn, "_convolution_pointwise")


class Convolution(nn.Conv2d):
    """A convolution that, while nothing is learned, arranges its weights for the processor once.

    PyTorch's arranges them anew at every call (oneDNN's), which for a single photograph takes a quarter
    of the time. What is arranged takes as much memory as the weights, so it is kept from the second call
    on: whoever describes one photograph does without. It suits features of one shape; in products of
    others, two threads take longer than one.
    """

    _last: tuple[ReferenceType[Tensor], int, torch.Size] | None = None
    """The weights of the last call, how often they had been changed, and the shape of the features."""
    _arranged: Tensor | None = None

    def forward(
        self, features: Tensor, around: Tensor | None = None, *, is_rectified: bool = False
    ) -> Tensor:
        """Features (batch, incoming, height, width) to (batch, outgoing, height / stride, width / stride).

        Args:
            features: What is convolved.
            around: To be added, of the shape of what comes out.
            is_rectified: Whether a rectifier follows.
        """
        if (arranged := self._arranged_for(features)) is None:
            outputs = super().forward(features)
            outputs = outputs if around is None else outputs + around
            return functional.relu(outputs, inplace=True) if is_rectified else outputs
        # Together they read and write the features once.
        convolve, shape = torch.ops.mkldnn._convolution_pointwise, self._shape
        last = "relu" if is_rectified else "none"
        if around is None:
            return convolve(features, arranged, self.bias, *shape, last, [], "")  # type: ignore[no-any-return]
        inputs = features, around, arranged, self.bias
        return convolve.binary(*inputs, *shape, "add", 1.0, last, [], "")  # type: ignore[no-any-return]

    @property
    def _shape(self) -> tuple[object, ...]:
        return self.padding, self.stride, self.dilation, self.groups

    def _arranged_for(self, features: Tensor) -> Tensor | None:
        """The weights as they are best for such features, kept where they are used again."""
        weight, last = self.weight, self._last
        if not _can_arrange(weight, features):
            return None
        now = weight._version, features.shape
        is_again = last is not None and last[0]() is weight and last[1:] == now
        arranged = self._arranged if is_again else None
        if arranged is None:
            # At the first call, too: by other operations the last bits would be others.
            arrange = torch.ops.mkldnn._reorder_convolution_weight
            arranged = arrange(weight.detach(), *self._shape, list(features.shape))
            self._last, self._arranged = (ref(weight), *now), arranged if is_again else None
        return arranged

    def __getstate__(self) -> dict[str, Any]:
        """Without what is arranged, which can be neither copied nor written to a file."""
        return {**self.__dict__, "_last": None, "_arranged": None}


def _can_arrange(weight: Tensor, features: Tensor) -> bool:
    """Whether weights can be arranged once for all, by operations that PyTorch has for its own compiler."""
    return (
        features.device.type == "cpu"
        and features.dtype == weight.dtype == torch.float32
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not weight.is_inference()  # of these nobody knows whether they have been changed
        and _HAS_OPERATIONS
        and bool(torch.backends.mkldnn.enabled)
    )


class Block(nn.Module):
    """Convolutions with a rectifier after each, and a way around them (He et al., 2016, figure 5).

    Its names are torchvision's.
    """

    def __init__(self, incoming: int, width: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        outgoing = 4 * width if bottleneck else width
        if bottleneck:
            self.conv1 = _convolution(incoming, width, 1)
            self.conv2 = _convolution(width, width, 3, stride)
            self.conv3: Convolution | None = _convolution(width, outgoing, 1)
        else:
            self.conv1 = _convolution(incoming, width, 3, stride)
            self.conv2 = _convolution(width, width, 3)
            self.conv3 = None
        self.downsample: Convolution | None = None
        if stride > 1 or incoming != outgoing:
            self.downsample = _convolution(incoming, outgoing, 1, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Features (batch, incoming, height, width) to (batch, outgoing, height / stride, width / stride)."""
        around = features if self.downsample is None else self.downsample(features)
        features = self.conv1(features, is_rectified=True)
        if self.conv3 is None:
            return self.conv2(features, around, is_rectified=True)  # type: ignore[no-any-return]
        features = self.conv2(features, is_rectified=True)
        return self.conv3(features, around, is_rectified=True)  # type: ignore[no-any-return]


def make_stem(*, pool_pads_end: bool) -> nn.Sequential:
    """What comes before the stages; ``pool_pads_end`` as in the networks' TensorFlow versions."""
    pool = nn.MaxPool2d(3, 2, 0, ceil_mode=True) if pool_pads_end else nn.MaxPool2d(3, 2, 1)
    return nn.Sequential(_convolution(3, 64, 7, 2), nn.ReLU(inplace=True), pool)


def make_stages(backbone: str) -> nn.ModuleList:
    """The four stages of a ResNet."""
    bottleneck = BACKBONES[backbone] == 2048
    stages, incoming = nn.ModuleList(), 64
    for number, count in enumerate(_BLOCKS[backbone]):
        width, blocks = 64 * 2**number, []
        for place in range(count):
            stride = 2 if number and not place else 1
            blocks.append(Block(incoming, width, stride, bottleneck=bottleneck))
            incoming = 4 * width if bottleneck else width
        stages.append(nn.Sequential(*blocks))
    return stages


def fold(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a torchvision ``state_dict`` as those of ``stem`` and ``stages``.

    Each convolution's are multiplied by what its batch normalisation multiplies with, in 64 bits.

    Raises:
        KeyError: A convolution has no batch normalisation: it is not the state of a ResNet.
    """
    folded = {}
    for name, weight in state.items():
        if weight.ndim != 4:
            continue
        convolution = name.removesuffix(".weight")
        norm = _norm_of(convolution)
        mean, variance, factor, offset = (
            state[f"{norm}.{part}"].double() for part in ("running_mean", "running_var", "weight", "bias")
        )
        factor = factor / (variance + _EPSILON).sqrt()
        ours = _our_name(convolution)
        folded[f"{ours}.weight"] = (weight.double() * factor.view(-1, 1, 1, 1)).float()
        folded[f"{ours}.bias"] = (offset - mean * factor).float()
    return folded


def _norm_of(convolution: str) -> str:
    """The name of a convolution's batch normalisation in torchvision."""
    if convolution.endswith("downsample.0"):
        return f"{convolution[:-1]}1"
    place, _, number = convolution.rpartition("conv")
    return f"{place}bn{number}"


def _our_name(convolution: str) -> str:
    if convolution == "conv1":
        return "stem.0"
    stage, _, rest = convolution.removeprefix("layer").partition(".")
    return f"stages.{int(stage) - 1}.{rest.removesuffix('.0') if rest.endswith('downsample.0') else rest}"


def _convolution(incoming: int, outgoing: int, size: int, stride: int = 1) -> Convolution:
    return Convolution(incoming, outgoing, size, stride, size // 2)

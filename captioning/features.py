"""The features of a ResNet's frozen stages, computed once and kept in a file."""

import hashlib
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from captioning.encoder import ImageEncoder
from captioning.photographs import read_photograph, to_pixels
from common.errors import InputError

_BATCH = 32


def cached_features(
    encoder: ImageEncoder, images: Sequence[Path], folder: Path, autocast: torch.autocast
) -> Tensor:
    """What ``encoder.early`` makes of the images, from ``folder`` if it is there already.

    The file holds 16-bit numbers and is mapped into memory, so that a training set may be
    larger than memory. Its name depends on the images, their sizes and times, and the
    encoder's weights: another set or another network makes another file.

    Args:
        encoder: Only its early stages matter.
        images: In the order wanted.
        folder: For the file; made if need be. It takes 400 KB for an image of 224 pixels.
        autocast: The precision to compute in.

    Returns:
        (images, height, width, channels), bfloat16, not to be written to.

    Raises:
        InputError: An image cannot be read.
    """
    size = encoder.config.image_size
    shape = (len(images), size // 16, size // 16, encoder.config.channels // 2)
    path = folder / f"features-{_fingerprint(encoder, images)}.bin"
    if not path.exists() or path.stat().st_size != 2 * math.prod(shape):
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        _compute(encoder, images, _mapped(part, shape), autocast)
        os.replace(part, path)
    return _mapped(path, shape)


def _mapped(path: Path, shape: tuple[int, ...]) -> Tensor:
    # Shared rather than private, of which a system may refuse more than there is memory.
    return torch.from_file(str(path), shared=True, size=math.prod(shape), dtype=torch.bfloat16).view(shape)


def _fingerprint(encoder: ImageEncoder, images: Sequence[Path]) -> str:
    digest = hashlib.sha256(repr(encoder.config).encode())
    digest.update(next(encoder.stages[2].parameters()).detach().cpu().numpy().tobytes())
    for image in images:
        try:
            facts = image.stat()
        except OSError as error:
            raise InputError(f"{image}: cannot be read ({error.strerror}); check the path") from error
        digest.update(f"{image.name}/{facts.st_size}/{int(facts.st_mtime)}".encode())
    return digest.hexdigest()[:16]


@torch.inference_mode()
def _compute(
    encoder: ImageEncoder, images: Sequence[Path], features: Tensor, autocast: torch.autocast
) -> None:
    size = encoder.config.image_size
    device = next(encoder.parameters()).device

    def read(image: Path) -> np.ndarray:
        return to_pixels(read_photograph(image, size), size)

    with (
        ThreadPoolExecutor(2) as readers,
        tqdm(total=len(images), desc="features", unit="image", disable=None) as bar,
    ):
        for start in range(0, len(images), _BATCH):
            pixels = np.stack(list(readers.map(read, images[start : start + _BATCH])))
            with autocast:
                features[start : start + _BATCH] = encoder.early(torch.from_numpy(pixels).to(device)).cpu()
            bar.update(len(pixels))

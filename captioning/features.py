"""Pictures as training wants them, computed once and kept in a file: pixels, or a ResNet's features."""

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from captioning.model import Captioner
from common.errors import InputError

_BATCH = 32


def cached_features(
    captioner: Captioner, images: Sequence[Path], folder: Path, autocast: torch.autocast
) -> Tensor:
    """What the part of the encoder that does not learn makes of the images.

    Taken from ``folder`` if it is there already. The file holds 16-bit numbers and is mapped
    into memory, so that a training set may be larger than memory. Its name depends on the
    images, their sizes and times, and the weights of that part: another set or another
    network makes another file.

    Args:
        captioner: Only its encoder matters.
        images: In the order wanted.
        folder: For the file; made if need be. Of a ResNet-50 it takes 200 KB for an image of 224
            pixels, or, the more stages learn, 400 KB, 800 KB, 1.6 MB and 400 KB.
        autocast: The precision to compute in.

    Returns:
        (images, height, width, channels), bfloat16, not to be written to.

    Raises:
        InputError: An image cannot be read.
    """
    encoder, size = captioner.encoder, captioner.config.encoder.image_size

    @torch.inference_mode()
    def compute(features: Tensor) -> None:
        for start, pixels in _read(captioner, images):
            with autocast:
                features[start : start + _BATCH] = encoder.early(pixels.to(captioner.device)).cpu()

    with torch.inference_mode():
        one = encoder.early(torch.zeros(1, size, size, 3, dtype=torch.uint8, device=captioner.device))
    weights = hashlib.sha256(str(encoder.trained_stages).encode())
    for parameter in encoder.parameters():
        if not parameter.requires_grad:
            weights.update(parameter.detach().cpu().numpy().tobytes())
    path = folder / f"features-{_fingerprint(captioner, images, weights.hexdigest())}.bin"
    return _cached(path, (len(images), *one.shape[1:]), torch.bfloat16, compute)


def cached_pixels(captioner: Captioner, images: Sequence[Path], folder: Path) -> Tensor:
    """The images as the encoder wants them, kept as :func:`cached_features` keeps features.

    The file takes 150 KB for an image of 224 pixels.

    Returns:
        uint8 (images, image_size, image_size, 3), not to be written to.

    Raises:
        InputError: An image cannot be read.
    """
    size = captioner.config.encoder.image_size

    def read(stored: Tensor) -> None:
        for start, pixels in _read(captioner, images):
            stored[start : start + _BATCH] = pixels

    path = folder / f"pixels-{_fingerprint(captioner, images)}.bin"
    return _cached(path, (len(images), size, size, 3), torch.uint8, read)


def _cached(
    path: Path, shape: tuple[int, ...], dtype: torch.dtype, compute: Callable[[Tensor], None]
) -> Tensor:
    """The tensor in the file; ``compute`` fills it if it is not there."""
    if not path.exists() or path.stat().st_size != dtype.itemsize * math.prod(shape):
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"{path.parent}: cannot be written to ({error.strerror}); set `features` to another folder"
            ) from error
        compute(_mapped(part, shape, dtype))
        os.replace(part, path)
    return _mapped(path, shape, dtype)


def _mapped(path: Path, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    # Shared rather than private, of which a system may refuse more than there is memory.
    return torch.from_file(str(path), shared=True, size=math.prod(shape), dtype=dtype).view(shape)


def _fingerprint(captioner: Captioner, images: Sequence[Path], weights: str = "") -> str:
    """What tells these images, read in this way, from others."""
    digest = hashlib.sha256(f"{captioner.config.encoder}{weights}".encode())
    for image in images:
        try:
            facts = image.stat()
        except OSError as error:
            raise InputError(f"{image}: cannot be read ({error.strerror}); check the path") from error
        digest.update(f"{image.name}/{facts.st_size}/{int(facts.st_mtime)}".encode())
    return digest.hexdigest()[:16]


def _read(captioner: Captioner, images: Sequence[Path]) -> Iterator[tuple[int, Tensor]]:
    """The place and the pixels of each batch; the next one is read while the caller works."""
    starts = range(0, len(images), _BATCH)
    with (
        ThreadPoolExecutor(4) as readers,
        tqdm(total=len(images), desc="photographs", unit="image", disable=None) as bar,
    ):
        coming = [readers.map(captioner.pixels, images[:_BATCH])]
        for start in starts:
            coming.append(readers.map(captioner.pixels, images[start + _BATCH : start + 2 * _BATCH]))
            pixels = np.stack(list(coming.pop(0)))
            yield start, torch.from_numpy(pixels)
            bar.update(len(pixels))

"""Captions of any number of photographs, which are read on threads beside the network."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from captioning.folders import Found
from captioning.photographs import read_photograph, to_pixels
from common.decoding import items_at_once
from common.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from captioning.model import Captioner
    from common.constraints import Constraints
    from common.result import Result
    from common.search import Strategy

__all__ = ["BATCH", "Found", "caption_all", "read_all"]

BATCH = 32
"""Photographs at a time."""

_MOST_READERS = 16

Source = TypeVar("Source", bound="Path | BinaryIO")


def read_all(
    captioner: Captioner,
    photographs: Iterable[tuple[Source, InputError | None]],
    *,
    readers: int | None = None,
    ahead: int = 2 * BATCH,
    look: Callable[[Source, Image.Image], None] | None = None,
) -> Iterator[tuple[Source, NDArray[np.uint8] | InputError]]:
    """Read any number of photographs as the captioner wants them, each result beside its source, in order.

    Args:
        captioner: Who is to look at them.
        photographs: Taken one after the other; one with an error has it as its result.
        readers: How many threads read; by default as many as there are processors for this process.
        ahead: How many photographs are read, or being read, before the caller asks for them.
        look: Is shown each picture on the thread that has read it, such as to make a thumbnail.
    """
    # Of pictures that are huge when decoded only one is in memory, however many readers there are.
    alone, size = Lock(), captioner.config.encoder.image_size

    def read(source: Source, error: InputError | None) -> NDArray[np.uint8] | InputError:
        if error:
            return error
        try:
            image = read_photograph(source, size, alone=alone)
            if look:
                look(source, image)
            return to_pixels(image, size)
        except InputError as bad:
            return bad

    coming: deque[tuple[Source, Future[NDArray[np.uint8] | InputError]]] = deque()
    pool = ThreadPoolExecutor(readers or min(_processors(), _MOST_READERS))
    try:
        for source, error in photographs:
            coming.append((source, pool.submit(read, source, error)))
            if len(coming) > ahead:
                first, result = coming.popleft()
                yield first, result.result()
        for first, result in coming:
            yield first, result.result()
    finally:
        pool.shutdown(cancel_futures=True)


def caption_all(
    captioner: Captioner,
    photographs: Iterable[tuple[Source, InputError | None]],
    strategy: Strategy,
    language: str,
    constraints: Constraints,
    *,
    readers: int | None = None,
    look: Callable[[Source, Image.Image], None] | None = None,
    first: int = 0,
) -> Iterator[tuple[Source, Result | InputError]]:
    """Caption any number of photographs, a batch at a time, each result beside its source, in order.

    A file that cannot be read has its error as its result. However many there are, those of two
    batches are in memory.

    Args:
        captioner: Who describes them.
        photographs: See :func:`read_all`, and there for ``readers`` and ``look`` too.
        strategy: How to search or sample.
        language: Of the captions.
        constraints: What they must be like.
        readers: How many threads read.
        look: Is shown each picture.
        first: The number of the first photograph in the whole input, which samples depend on.
    """
    import numpy as np
    import torch

    from captioning.variety import widened

    size = items_at_once(widened(strategy), BATCH)
    remaining = read_all(captioner, photographs, readers=readers, ahead=2 * size, look=look)
    while batch := list(islice(remaining, size)):
        good = {place: each for place, (_, each) in enumerate(batch) if not isinstance(each, InputError)}
        captions: dict[int, Result] = {}
        if good:
            results = captioner.caption_pixels(
                torch.from_numpy(np.stack(list(good.values()))),
                strategy,
                language=language,
                constraints=constraints,
                # Numbered by their place in the input, so that samples do not depend on bad files before.
                items=[first + place for place in good],
            )
            captions = dict(zip(good, results, strict=True))
        for place, (source, pixels) in enumerate(batch):
            yield source, pixels if isinstance(pixels, InputError) else captions[place]
        first += len(batch)


def _processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1

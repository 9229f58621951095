"""Captions of any number of photographs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from common.decoding import items_at_once
from common.errors import InputError

if TYPE_CHECKING:
    from captioning.model import Captioner
    from common.constraints import Constraints
    from common.result import Result
    from common.search import Strategy

BATCH = 32
"""Photographs at a time."""

Found = tuple[Path, InputError | None]
"""A photograph, and why there is none at that path if that is known before reading it."""


def caption_all(
    captioner: Captioner,
    photographs: Iterable[Found],
    strategy: Strategy,
    language: str,
    constraints: Constraints,
) -> Iterator[tuple[Path, Result | InputError]]:
    """Caption any number of files, a batch at a time, each result beside its path, in order.

    A file that cannot be read has its error as its result.
    """
    import numpy as np
    import torch

    remaining, size, first = iter(photographs), items_at_once(strategy, BATCH), 0
    while batch := list(islice(remaining, size)):
        results: list[Result | InputError | None] = [None] * len(batch)
        pixels, places = [], []
        for place, (path, error) in enumerate(batch):
            try:
                if error:
                    raise error
                pixels.append(captioner.pixels(path))
                places.append(place)
            except InputError as bad:
                results[place] = bad
        if places:
            # Numbered by their place in the input, so that samples do not depend on bad files before.
            captions = captioner.caption_pixels(
                torch.from_numpy(np.stack(pixels)),
                strategy,
                language=language,
                constraints=constraints,
                items=[first + p for p in places],
            )
            for place, caption in zip(places, captions, strict=True):
                results[place] = caption
        for (path, _), result in zip(batch, results, strict=True):
            assert result is not None
            yield path, result
        first += len(batch)

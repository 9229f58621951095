"""Encoded photographs in a file, so that a folder that is searched again need not be looked at again."""

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from captioning.bulk import BATCH, read_all
from captioning.folders import Found
from captioning.matching import Encoded, encode_pixels
from captioning.model import Captioner
from common.errors import InputError

_FORMAT = "inwords photographs 1"

Stamp = tuple[int, int]
"""Size of a file in bytes, and when it was changed last in nanoseconds."""


@dataclass(frozen=True)
class Entry:
    """A photograph as it was when it was encoded.

    Attributes:
        stamp: Of its file.
        encoded: The photograph, alone.
    """

    stamp: Stamp
    encoded: Encoded


Index = dict[str, Entry]
"""Entries by the absolute path of their photograph."""


@contextmanager
def open_index(path: Path, model: str) -> Iterator[Index]:
    """What an index holds of a model; empty if there is none yet, or one of another model.

    What is put into it within the context is written at its end, after an interruption too,
    but for photographs that are no more. It takes about 54 KB for a photograph with the
    built-in model, on disk and in memory.

    Args:
        path: The file.
        model: The model's signature.

    Raises:
        InputError: The file is no index, or cannot be written.
    """
    part = path.with_name(path.name + ".part")
    index = _read(path, model) if path.exists() else {}
    try:
        # Before the work rather than after it.
        part.touch()
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another --index") from error
    before = {name: entry.stamp for name, entry in index.items()}
    try:
        yield index
    finally:
        if before != {name: entry.stamp for name, entry in index.items()}:
            _write(part, model, {name: entry for name, entry in index.items() if os.path.exists(name)})
            os.replace(part, path)
        part.unlink(missing_ok=True)


def encode_photographs(
    captioner: Captioner, photographs: Iterable[Found], index: Index | None = None
) -> Iterator[tuple[Path, Encoded | InputError]]:
    """Encode any number of photographs, a batch at a time, each beside its path, in order.

    Args:
        captioner: Who looks.
        photographs: Those with an error come out as they are.
        index: Photographs that need not be looked at unless they have been changed since; the
            others are put into it.
    """
    waiting: deque[tuple[Path, Stamp | None, Encoded | None]] = deque()
    done: deque[Encoded | InputError] = deque()

    def unknown() -> Iterator[Found]:
        for path, error in photographs:
            stamp, entry = _stamp(path), index.get(os.path.abspath(path)) if index else None
            known = entry.encoded if entry and entry.stamp == stamp else None
            waiting.append((path, stamp, known))
            if known is None:
                yield path, error

    pictures, ended = read_all(captioner, unknown()), False
    while not ended:
        batch = [picture for _, picture in islice(pictures, BATCH)]
        done.extend(_encode(captioner, batch))
        ended = len(batch) < BATCH
        while waiting and (waiting[0][2] or done):
            path, stamp, known = waiting.popleft()
            result = known or done.popleft()
            if index is not None and stamp and not known and isinstance(result, Encoded):
                index[os.path.abspath(path)] = Entry(stamp, result)
            yield path, result


def _encode(
    captioner: Captioner, pictures: Sequence[NDArray[np.uint8] | InputError]
) -> list[Encoded | InputError]:
    """Each picture encoded, or its error."""
    good = [picture for picture in pictures if not isinstance(picture, InputError)]
    encoded = iter(encode_pixels(captioner, torch.from_numpy(np.stack(good))).split() if good else ())
    return [picture if isinstance(picture, InputError) else next(encoded) for picture in pictures]


def _stamp(path: Path) -> Stamp | None:
    """What is different when a file has been changed; None where there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def _read(path: Path, model: str) -> Index:
    try:
        with safe_open(path, "pt") as file:
            facts = file.metadata() or {}
            if facts.get("format") != _FORMAT:
                raise KeyError("format")
            if facts["model"] != model or not file.keys():
                return {}
            memory = file.get_tensor("memory") if "memory" in file.keys() else None  # noqa: SIM118
            every = Encoded(file.get_tensor("summary"), memory)
        names = json.loads(facts["photographs"])
        return {
            name: Entry((size, modified), each)
            for (name, size, modified), each in zip(names, every.split(), strict=True)
        }
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not an index of photographs, or damaged; name another --index") from error


def _write(path: Path, model: str, index: Index) -> None:
    every = Encoded.join([entry.encoded for entry in index.values()]) if index else None
    tensors = {} if every is None else {"summary": every.summary}
    if every is not None and every.memory is not None:
        tensors["memory"] = every.memory
    # Names that are not text are escaped by JSON, so that the header is UTF-8.
    names = json.dumps([[name, *entry.stamp] for name, entry in index.items()])
    save_file(tensors, path, {"format": _FORMAT, "model": model, "photographs": names})

"""Model directories: ``config.json``, ``model.safetensors``, ``tokenizer.json`` and a card, ``README.md``."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from common.config import build
from common.decoder import Decoder, DecoderConfig
from common.device import choose_device
from common.errors import InputError
from common.fast_step import hasten
from common.quantized import scales
from common.tokenizer import Tokenizer

FORMAT = 1
"""Raised whenever a reader of the former format could no longer make sense of a new directory."""

Storage = Literal["float32", "bfloat16", "int8"]
_SCALE = ".scale"


class Shape(Protocol):
    """What describes a model's shape: a dataclass with that of the model's decoder."""

    @property
    def decoder(self) -> DecoderConfig:
        """Of the decoder."""


C = TypeVar("C", bound=Shape)


class Model(nn.Module):
    """What a model directory holds: whatever network, with a decoder."""

    decoder: Decoder

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.decoder.bias.device


M = TypeVar("M", bound=Model)


def save_model(
    directory: Path,
    kind: str,
    config: dict[str, Any],
    weights: Mapping[str, Tensor],
    tokenizer: Tokenizer,
    storage: Storage,
) -> None:
    """Write a model directory; one that is there is replaced when the new one is complete.

    Its card, ``README.md``, stays.

    Args:
        directory: Where to; its parents are made.
        kind: ``"captioner"``, ``"translator"`` or ``"language-model"``.
        config: The shape of the model, fit for JSON.
        weights: All of the model's, by their names.
        tokenizer: Its vocabulary.
        storage: Bytes a weight: 4, 2, or 1 with a scale for each row of a matrix or
            filter of a convolution; vectors are kept in 32 bits then.

    Raises:
        InputError: The directory is there and holds something else.
    """
    inside = {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()
    if directory.is_file() or (inside - {"README.md"} and "config.json" not in inside):
        raise InputError(f"{directory}: is no model directory, and would be replaced by one; give another")
    temporary, former = (directory.with_name(directory.name + ending) for ending in (".part", ".old"))
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(former, ignore_errors=True)
    temporary.mkdir(parents=True)
    text = json.dumps({"format": FORMAT, "kind": kind, **config}, indent=2, ensure_ascii=False)
    (temporary / "config.json").write_text(text + "\n", encoding="utf-8")
    tensors: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        tensors |= _packed(name, tensor.detach().cpu(), storage)
    save_file(tensors, temporary / "model.safetensors")
    (temporary / "model.safetensors").chmod(0o644)  # the library makes it readable to its owner alone
    tokenizer.save(temporary / "tokenizer.json")
    if "README.md" in inside:
        shutil.copy(directory / "README.md", temporary / "README.md")
    if directory.exists():
        os.replace(directory, former)
    os.replace(temporary, directory)
    shutil.rmtree(former, ignore_errors=True)


def load_model(
    make: Callable[[C, Tokenizer], M], shape: type[C], kind: str, directory: Path, device: str
) -> M:
    """Load a model directory; nothing is fetched.

    Args:
        make: Makes a model with any weights.
        shape: The dataclass that ``config.json`` holds.
        kind: As for :func:`save_model`.
        directory: Where the model is.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises:
        InputError: The directory is missing, damaged, of another kind or newer format.
    """
    config = build(shape, read_config(directory, kind), f"{directory}/config.json")
    tokenizer = load_tokenizer(directory, config.decoder.vocabulary_size)
    # Made without memory, so that no random weights are drawn only to be replaced.
    with torch.device("meta"):
        model = make(config, tokenizer)
    load_weights(directory, model)
    chosen = choose_device(device)
    hasten(model.decoder, chosen)
    return model.eval().to(chosen)


def read_config(directory: Path, kind: str) -> dict[str, Any]:
    """The settings in a model directory of that kind.

    Raises:
        InputError: It is missing, damaged, of another kind or of a newer format.
    """
    found, config = read_kind(directory)
    if found != kind:
        raise InputError(f"{directory}: holds a {found}, but a {kind} is needed; give another --model")
    return config


def read_kind(directory: Path) -> tuple[str, dict[str, Any]]:
    """The kind of the model in a model directory, and its settings.

    Raises:
        InputError: It is missing, damaged or of a newer format.
    """
    path = directory / "config.json"
    if not directory.is_dir():
        raise InputError(f"{directory}: no such model directory; see `inwords models` for the built-in ones")
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found, version = config.pop("kind"), int(config.pop("format"))
    except FileNotFoundError as error:
        raise InputError(f"{directory}: not a model directory (it has no config.json)") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged; copy the model again or train it anew") from error
    if version > FORMAT:
        raise InputError(
            f"{directory}: has format {version}, newer than this program's {FORMAT}; update inwords"
        )
    return found, config


def load_weights(directory: Path, model: nn.Module) -> None:
    """Give ``model`` the weights in a model directory, as 32-bit numbers on the processor.

    Raises:
        InputError: The file is missing, damaged, or of a model of another shape.
    """
    weights = read_weights(directory)
    found = {name: tensor.shape for name, tensor in weights.items()}
    wanted = {name: place.shape for name, place in model.state_dict().items()}
    if differing := sorted(set(found.items()) ^ set(wanted.items())):
        raise InputError(
            f"{directory / 'model.safetensors'}: does not fit its config.json: "
            f"{_differing(differing[0][0], found, wanted)}; copy the model again or train it anew"
        )
    model.load_state_dict(weights, assign=True)


def read_weights(directory: Path) -> dict[str, Tensor]:
    """The weights in a model directory, as 32-bit numbers, by their names.

    Raises:
        InputError: The file is missing or damaged.
    """
    path = directory / "model.safetensors"
    try:
        tensors = load_file(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: missing; copy the model again or train it anew") from error
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: damaged ({error}); copy the model again or train it anew") from error
    return {
        name: _unpacked(tensor, tensors.get(name + _SCALE))
        for name, tensor in tensors.items()
        if not name.endswith(_SCALE)
    }


def _differing(name: str, found: dict[str, torch.Size], wanted: dict[str, torch.Size]) -> str:
    if name not in wanted:
        return f"{name} is none of the model's weights"
    if name not in found:
        return f"{name} is missing"
    return f"{name} is {list(found[name])} instead of {list(wanted[name])}"


def load_tokenizer(directory: Path, size: int) -> Tokenizer:
    """The tokenizer of a model directory, of ``size`` tokens.

    Raises:
        InputError: It is missing, damaged, or of another model.
    """
    path = directory / "tokenizer.json"
    tokenizer = Tokenizer.load(path)
    if len(tokenizer) != size:
        raise InputError(
            f"{path}: does not fit its config.json: it has {len(tokenizer)} tokens, not {size}; "
            f"copy the model again or train it anew"
        )
    return tokenizer


def _packed(name: str, tensor: Tensor, storage: Storage) -> dict[str, Tensor]:
    if not tensor.is_floating_point() or storage == "float32":
        return {name: tensor.contiguous()}
    if storage == "bfloat16":
        return {name: tensor.to(torch.bfloat16).contiguous()}
    if tensor.ndim < 2:
        return {name: tensor.float().contiguous()}
    scale = scales(tensor.float())
    whole = (tensor.float() / scale.view(-1, *[1] * (tensor.ndim - 1))).round().to(torch.int8)
    return {name: whole.contiguous(), name + _SCALE: scale}


def _unpacked(tensor: Tensor, scale: Tensor | None) -> Tensor:
    """What :func:`_packed` was given, in 32 bits; filters in the layout that processors are fastest with."""
    if not tensor.is_floating_point() and scale is None:
        return tensor
    layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
    whole = torch.empty(tensor.shape, dtype=torch.float32, memory_format=layout)
    if scale is None:
        return whole.copy_(tensor)
    torch.mul(tensor, scale.view(-1, *[1] * (tensor.ndim - 1)), out=whole)
    return whole

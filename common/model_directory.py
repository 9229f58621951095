"""Model directories: ``config.json``, ``model.safetensors``, ``tokenizer.json`` and a card, ``README.md``."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from common.errors import InputError
from common.tokenizer import Tokenizer

FORMAT = 1
"""Raised whenever a reader of the former format could no longer make sense of a new directory."""

Storage = Literal["float32", "bfloat16", "int8"]
_SCALE = ".scale"


def save_model(
    directory: Path,
    kind: str,
    config: dict[str, Any],
    model: nn.Module,
    tokenizer: Tokenizer,
    storage: Storage,
) -> None:
    """Write a model directory; one that is there is replaced when the new one is complete.

    Its card, ``README.md``, stays.

    Args:
        directory: Where to; its parents are made.
        kind: ``"captioner"``, ``"translator"`` or ``"language-model"``.
        config: The shape of the model, fit for JSON.
        model: Whose weights to write.
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
    for name, tensor in model.state_dict().items():
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


def read_config(directory: Path, kind: str) -> dict[str, Any]:
    """The settings in a model directory of that kind.

    Raises:
        InputError: It is missing, damaged, of another kind or of a newer format.
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
    if found != kind:
        raise InputError(f"{directory}: holds a {found}, but a {kind} is needed; give another --model")
    if version > FORMAT:
        raise InputError(
            f"{directory}: has format {version}, newer than this program's {FORMAT}; update inwords"
        )
    return config


def load_weights(directory: Path, model: nn.Module) -> None:
    """Fill ``model`` with the weights in a model directory, as 32-bit numbers.

    Raises:
        InputError: The file is missing, damaged, or of a model of another shape.
    """
    path = directory / "model.safetensors"
    try:
        tensors = load_file(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: missing; copy the model again or train it anew") from error
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: damaged ({error}); copy the model again or train it anew") from error
    whole = {
        name: _unpacked(tensor, tensors.get(name + _SCALE))
        for name, tensor in tensors.items()
        if not name.endswith(_SCALE)
    }
    try:
        model.load_state_dict(whole, strict=True)
    except RuntimeError as error:
        problem = " ".join(str(error).split())[:300]
        raise InputError(f"{path}: does not fit its config.json: {problem}") from error


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
    scale = tensor.float().flatten(1).abs().amax(1).clamp(min=1e-12) / 127
    whole = (tensor.float() / scale.view(-1, *[1] * (tensor.ndim - 1))).round().to(torch.int8)
    return {name: whole.contiguous(), name + _SCALE: scale}


def _unpacked(tensor: Tensor, scale: Tensor | None) -> Tensor:
    if scale is not None:
        return tensor.float() * scale.view(-1, *[1] * (tensor.ndim - 1))
    return tensor.float() if tensor.is_floating_point() else tensor

"""Checkpoints: all that a training needs to go on exactly as if never stopped, in one file."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from common.errors import InputError
from common.training import Training


def save_checkpoint(training: Training, directory: Path, progress: dict[str, Any]) -> None:
    """Write all that :func:`load_checkpoint` needs; ``progress`` is the caller's own, fit for JSON.

    That includes what a model keeps from one batch to the next as ``carried``. Of processes that
    train together each has its own, which only it knows: resumed, they go on without until
    the next epoch.
    """
    tensors: dict[str, Tensor] = {}
    for name, parameter in training.parameters.items():
        tensors[f"weight:{name}"] = parameter.detach()
        tensors[f"average:{name}"] = training.averages[name]
        for key, value in training.optimizer.state[parameter].items():
            tensors[f"optimizer:{key}:{name}"] = value
    if training.workers.count == 1 and (carried := getattr(training.model, "carried", None)) is not None:
        tensors["carried"] = carried
    metadata = {"progress": json.dumps({**progress, "step": training.step_number})}
    _write(tensors, directory / "training.safetensors", metadata)


def load_checkpoint(training: Training, directory: Path) -> dict[str, Any]:
    """Go on from where :func:`save_checkpoint` was called; returns the caller's progress.

    Raises:
        InputError: There is no such file, or it is of another model.
    """
    path = directory / "training.safetensors"
    try:
        with safe_open(path, "pt") as file:
            progress: dict[str, Any] = json.loads((file.metadata() or {})["progress"])
        tensors = load_file(path)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path}: no checkpoint to resume from; train without --resume") from error
    try:
        for name, parameter in training.parameters.items():
            _restore(training, name, parameter, tensors)
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{path}: the checkpoint is of a model of another shape: {error}") from error
    if training.workers.count == 1 and "carried" in tensors:
        training.model.carried = tensors["carried"].to(training.device)
    training.step_number = int(progress["step"])
    return progress


@torch.no_grad()
def _restore(training: Training, name: str, parameter: nn.Parameter, tensors: dict[str, Tensor]) -> None:
    parameter.copy_(tensors[f"weight:{name}"])
    training.averages[name].copy_(tensors[f"average:{name}"])
    if f"optimizer:step:{name}" not in tensors:  # a parameter that no loss has depended on yet
        return
    state = {"step": tensors[f"optimizer:step:{name}"].to(parameter.device)}
    for key in ("exp_avg", "exp_avg_sq"):
        # Of the parameter's own memory format: the fused optimizer goes through both side by side.
        moment = torch.empty_like(parameter)
        state[key] = moment.copy_(tensors[f"optimizer:{key}:{name}"])
    training.optimizer.state[parameter] = state


def save_weights(training: Training, path: Path) -> None:
    """Write the weights that the model has at the moment, those in training alone."""
    _write({name: parameter.detach() for name, parameter in training.parameters.items()}, path)


def average_weights(training: Training, paths: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of what :func:`save_weights` has written, by the names of ``training.parameters``.

    Averaging the last checkpoints of a translator is as old as the Transformer (Vaswani et
    al., 2017, arXiv:1706.03762, section 6.1); why it works: Izmailov et al., 2018, arXiv:1803.05407.

    Raises:
        InputError: A file cannot be read, or is of another model.
    """
    means = {name: torch.zeros_like(parameter) for name, parameter in training.parameters.items()}
    for path in paths:
        try:
            for name, tensor in load_file(path).items():
                means[name] += tensor.to(means[name].device) / len(paths)
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise InputError(f"{path}: not weights of this model ({error}); delete the file") from error
    return means


def _write(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """A file that appears when it is complete."""
    temporary = path.with_name(path.name + ".part")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
    os.replace(temporary, path)

"""A model in training, written once for captioners, translators and language models."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from common.device import choose_device, choose_precision, keep_freed_memory
from common.errors import InputError
from common.loss import Loss


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        epochs: Passes over the data.
        learning_rate: The highest, reached after ``warmup_steps``.
        warmup_steps: Steps over which the learning rate rises linearly from 0.
        final_learning_rate: Share of the highest that is left at the end of the cosine after it.
        weight_decay: Decoupled from the gradient (AdamW).
        label_smoothing: Share of the target probability spread over the vocabulary.
        gradient_clip: Largest norm of the gradient; 0 for none.
        average_decay: Decay of the running average of the weights, which is what is
            validated and kept; 0 for the weights as they are.
        patience: Stop after so many epochs without a better validation; 0 never stops early.
        save_minutes: How often to write a checkpoint within an epoch.
        seed: For weights, order of the data and dropout.
        threads: Processor threads; 0 leaves the choice to PyTorch.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        precision: ``"bfloat16"`` computes most products in 16 bits; ``"auto"`` where the
            processor has instructions for it.
    """

    epochs: int = 10
    learning_rate: float = 1e-3
    warmup_steps: int = 400
    final_learning_rate: float = 0.02
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    gradient_clip: float = 1.0
    average_decay: float = 0.999
    patience: int = 0
    save_minutes: float = 5.0
    seed: int = 1
    threads: int = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    def __post_init__(self) -> None:
        least = {"epochs": 1, "warmup_steps": 0, "weight_decay": 0, "gradient_clip": 0}
        for name, lowest in (least | {"patience": 0, "save_minutes": 0, "threads": 0}).items():
            if not getattr(self, name) >= lowest:
                raise ValueError(f"{name} must be at least {lowest}, got {getattr(self, name)}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        for name in ("final_learning_rate", "label_smoothing", "average_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")


class Training:
    """A model in training: its weights and all that is needed to go on exactly as if never stopped."""

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        total_steps: int,
        scales: Mapping[str, float] | None = None,
    ) -> None:
        """Start training those parameters of ``model`` that require a gradient.

        Args:
            model: Has a method ``loss(batch, label_smoothing) -> Loss``.
            config: How to train it.
            total_steps: When the learning rate is to have come down.
            scales: What to multiply the learning rate with for parameters whose names begin so.
        """
        self.model, self.config, self.total_steps = model, config, total_steps
        self.device = choose_device(config.device)
        self.precision = choose_precision(config.precision, self.device)
        keep_freed_memory()
        model.to(self.device)
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": [parameter],
                    "scale": next(
                        (s for prefix, s in (scales or {}).items() if name.startswith(prefix)), 1.0
                    ),
                    # Decay pulls on matrices; biases, norms and the like are left alone.
                    "weight_decay": config.weight_decay if parameter.ndim > 1 else 0.0,
                }
                for name, parameter in self.parameters.items()
            ],
            betas=(0.9, 0.98),
            fused=True,
        )
        self.averages = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.step_number = 0

    def learning_rate(self) -> float:
        """Linear warm-up, then a cosine down to the final share (Loshchilov and Hutter, 2017)."""
        config, step = self.config, self.step_number
        if step < config.warmup_steps:
            return config.learning_rate * (step + 1) / config.warmup_steps
        done = (step - config.warmup_steps) / max(1, self.total_steps - config.warmup_steps)
        falling = (1 + math.cos(math.pi * min(1.0, done))) / 2
        return config.learning_rate * (
            config.final_learning_rate + (1 - config.final_learning_rate) * falling
        )

    def step(self, batch: Any) -> Loss:
        """Learn from one batch.

        Raises:
            InputError: The loss or its gradient is no longer a number.
        """
        rate = self.learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self.model.train()
        with self.autocast():
            loss: Loss = self.model.loss(batch, self.config.label_smoothing)  # type: ignore[operator]
        self.optimizer.zero_grad(set_to_none=True)
        loss.objective.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), self.config.gradient_clip or math.inf)
        if not (math.isfinite(loss.nats) and math.isfinite(norm)):
            raise InputError(
                f"training diverged at step {self.step_number} (the loss is {loss.nats}, the norm of its "
                f"gradient {norm:.3g}): lower training.learning_rate or raise training.warmup_steps, "
                f"and --resume"
            )
        self.optimizer.step()
        self.step_number += 1
        # Early on the average is short, so that it does not drag the random start along.
        decay = min(self.config.average_decay, self.step_number / (self.step_number + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averages.values()), list(self.parameters.values()), 1 - decay)
        return loss

    def autocast(self) -> torch.autocast:
        """The context in which products are computed in the chosen precision."""
        enabled = self.precision == torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within this context the model has the averaged weights and is in evaluation mode."""
        self._exchange()
        self.model.eval()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        # In place: on a GPU the weights of a recurrent layer are to stay together in memory.
        for name, parameter in self.parameters.items():
            weights = parameter.clone()
            parameter.copy_(self.averages[name])
            self.averages[name].copy_(weights)

    def save(self, directory: Path, progress: dict[str, Any]) -> None:
        """Write all that :meth:`load` needs; ``progress`` is the caller's own, fit for JSON."""
        tensors: dict[str, Tensor] = {"random": torch.get_rng_state()}
        for name, parameter in self.parameters.items():
            tensors[f"weight:{name}"] = parameter.detach()
            tensors[f"average:{name}"] = self.averages[name]
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"optimizer:{key}:{name}"] = value
        temporary = directory / "training.safetensors.part"
        save_file(
            {name: tensor.contiguous() for name, tensor in tensors.items()},
            temporary,
            {"progress": json.dumps({**progress, "step": self.step_number})},
        )
        os.replace(temporary, directory / "training.safetensors")

    def load(self, directory: Path) -> dict[str, Any]:
        """Go on from where :meth:`save` was called; returns the caller's progress.

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
            for name, parameter in self.parameters.items():
                self._restore(name, parameter, tensors)
        except (KeyError, RuntimeError) as error:
            raise InputError(f"{path}: the checkpoint is of a model of another shape: {error}") from error
        torch.set_rng_state(tensors["random"])
        self.step_number = int(progress["step"])
        return progress

    @torch.no_grad()
    def _restore(self, name: str, parameter: nn.Parameter, tensors: dict[str, Tensor]) -> None:
        parameter.copy_(tensors[f"weight:{name}"])
        self.averages[name].copy_(tensors[f"average:{name}"])
        if f"optimizer:step:{name}" not in tensors:  # a parameter that no loss has depended on yet
            return
        self.optimizer.state[parameter] = {"step": tensors[f"optimizer:step:{name}"].to(parameter.device)}
        for key in ("exp_avg", "exp_avg_sq"):
            # Of the parameter's own memory format: the fused optimizer goes through both side by side.
            moment = torch.empty_like(parameter)
            self.optimizer.state[parameter][key] = moment.copy_(tensors[f"optimizer:{key}:{name}"])

"""A model in training, written once for captioners, translators and language models."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from common.device import choose_device, choose_precision
from common.errors import InputError
from common.loss import Loss
from common.memory import keep_freed_memory
from common.workers import Workers


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        epochs: Passes over the data.
        learning_rate: The highest, reached after ``warmup_steps``.
        warmup_steps: Batches over which the learning rate rises linearly from 0.
        cooldown: The last share of the training, over which the learning rate falls linearly. Until
            then it is constant, so that more epochs can be added to a training that has stopped there.
        final_learning_rate: Share of the highest that is left at the end.
        weight_decay: Decoupled from the gradient (AdamW).
        label_smoothing: Share of the target probability spread over the vocabulary.
        gradient_clip: Largest norm of the gradient; 0 for none.
        average_decay: Decay of the running average of the weights, which is what is
            validated and kept; 0 for the weights as they are.
        patience: Stop after so many epochs without a better validation; 0 never stops early.
        keep_best: How many of the best validated epochs to average at the end; the average is
            what is kept if its validation is better still.
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
    cooldown: float = 0.6
    final_learning_rate: float = 0.02
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    gradient_clip: float = 1.0
    average_decay: float = 0.999
    patience: int = 0
    keep_best: int = 1
    save_minutes: float = 5.0
    seed: int = 1
    threads: int = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    def __post_init__(self) -> None:
        least = {"epochs": 1, "keep_best": 1, "warmup_steps": 0, "weight_decay": 0, "gradient_clip": 0}
        for name, lowest in (least | {"patience": 0, "save_minutes": 0, "threads": 0}).items():
            if not getattr(self, name) >= lowest:
                raise ValueError(f"{name} must be at least {lowest}, got {getattr(self, name)}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        for name in ("cooldown", "final_learning_rate", "label_smoothing", "average_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")


def prepare(config: TrainingConfig) -> Workers:
    """Make this process ready to train: its place among those that train together, threads, random numbers.

    Raises:
        InputError: This machine has no such device as is wanted.
    """
    workers = Workers.join()
    choose_device(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    return workers


class _Objective(nn.Module):
    """A model's loss as the forward pass that DistributedDataParallel wraps."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Any, label_smoothing: float) -> tuple[Tensor, float, int]:
        loss: Loss = self.model.loss(batch, label_smoothing)  # type: ignore[operator]
        return loss.objective, loss.nats, loss.tokens


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
            total_steps: The batches of the whole training: by then the learning rate has come down.
            scales: What to multiply the learning rate with for parameters whose names begin so.
        """
        self.model, self.config, self.total_steps = model, config, total_steps
        self.workers = Workers.join()
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
        self.objective: nn.Module = _Objective(model)
        if self.workers.count > 1:
            # Static: what a loss does not depend on, it never does. A plain model has such parameters.
            self.objective = DistributedDataParallel(self.objective, static_graph=True)
        self.averages = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.step_number = 0

    def learning_rate(self) -> float:
        """Linear warm-up, a constant, a linear cool-down (Hägele et al., 2024, arXiv:2405.18392)."""
        config, step = self.config, self.step_number
        if step < config.warmup_steps:
            return config.learning_rate * (step + 1) / config.warmup_steps
        left = max(0, self.total_steps - step) / max(1.0, config.cooldown * self.total_steps)
        final = config.final_learning_rate
        return config.learning_rate * (final + (1 - final) * min(1.0, left))

    def step(self, batch: Any) -> Loss:
        """Learn from one batch, or from one in each of the processes that train together.

        Returns:
            The loss of all of these batches.

        Raises:
            InputError: The loss or its gradient is no longer a number.
        """
        rate = self.learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self.model.train()
        # Dropout depends on the number of the batch alone: nothing to keep for resuming.
        torch.manual_seed(
            Random(f"{self.config.seed}/{self.step_number + self.workers.rank}").getrandbits(62)
        )
        with self.autocast():
            objective, *mine = self.objective(batch, self.config.label_smoothing)
        nats, tokens = self.workers.total(*mine, device=self.device)
        # Gradients are averaged over the processes: each is to count as much as it has tokens.
        weight = mine[1] * self.workers.count / max(1, tokens)
        self.optimizer.zero_grad(set_to_none=True)
        (objective * weight).backward()
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), self.config.gradient_clip or math.inf)
        if not (math.isfinite(nats) and math.isfinite(norm)):
            raise InputError(
                f"training diverged at step {self.step_number} (the loss is {nats}, the norm of its "
                f"gradient {norm:.3g}); lower training.learning_rate or raise training.warmup_steps, "
                f"and go on with --resume"
            )
        self.optimizer.step()
        self.step_number += self.workers.count
        # Early on the average is short, so that it does not drag the random start along.
        decay = min(self.config.average_decay, self.step_number / (self.step_number + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averages.values()), list(self.parameters.values()), 1 - decay)
        return Loss(objective.detach(), nats, int(tokens))

    def autocast(self) -> torch.autocast:
        """The context in which products are computed in the chosen precision."""
        enabled = self.precision == torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    @contextmanager
    def averaged(self, weights: Mapping[str, Tensor] | None = None) -> Iterator[None]:
        """Within this context the model has the averaged weights and is in evaluation mode.

        Args:
            weights: Others to have instead, by the names of ``parameters``.
        """
        others = self.averages if weights is None else weights
        self._exchange(others)
        self.model.eval()
        try:
            yield
        finally:
            self._exchange(others)

    @torch.no_grad()
    def _exchange(self, others: Mapping[str, Tensor]) -> None:
        # In place: on a GPU the weights of a recurrent layer are to stay together in memory.
        for name, parameter in self.parameters.items():
            weights = parameter.clone()
            parameter.copy_(others[name])
            others[name].copy_(weights)

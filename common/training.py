"""The training loop, written once for captioners, translators and language models."""

import ctypes
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from common.errors import InputError
from common.loss import Loss

B = TypeVar("B")
B_contra = TypeVar("B_contra", contravariant=True)


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


class Trainable(Protocol[B_contra]):
    """What the loop needs of a model, beside being an ``nn.Module``."""

    def loss(self, batch: B_contra, label_smoothing: float) -> Loss:
        """The loss of one batch."""
        ...


@dataclass(frozen=True)
class Validation:
    """What a validation found: figures to report, the one to maximise, and some output to read."""

    figures: dict[str, float]
    quality: float
    samples: tuple[str, ...] = ()


def choose_device(name: str) -> torch.device:
    """The device of that name; ``"auto"`` takes a GPU where there is one.

    Raises:
        InputError: This machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name}: not available on this machine; use cpu") from error
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The type to compute products in; ``"auto"`` takes bfloat16 where it is native and so faster."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cpu":
        has = torch.cpu.get_capabilities()
        native = has.get("avx512_bf16", False) or has.get("amx_bf16", False) or has.get("bf16", False)
    else:
        native = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if native else torch.float32


def keep_freed_memory() -> None:
    """Ask glibc not to return large buffers to the system: each step needs the same ones again.

    Otherwise every step pays for fresh pages, which here took a sixth of the time.
    Does nothing where the C library has no ``mallopt``.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    trim_threshold, mmap_threshold = -1, -3
    mallopt(trim_threshold, 2**30)
    mallopt(mmap_threshold, 2**30)


class Training:
    """A model in training: its weights and all that is needed to go on exactly as if never stopped."""

    def __init__(self, model: nn.Module, config: TrainingConfig, total_steps: int) -> None:
        """Start training those parameters of ``model`` that require a gradient.

        A model whose parts learn at different speeds has a method
        ``learning_rate_scales() -> dict[str, float]`` from prefixes of names to factors.
        """
        self.model, self.config, self.total_steps = model, config, total_steps
        self.device = choose_device(config.device)
        self.precision = choose_precision(config.precision, self.device)
        keep_freed_memory()
        model.to(self.device)
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        scales: dict[str, float] = getattr(model, "learning_rate_scales", dict)()
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": [parameter],
                    "scale": next((s for prefix, s in scales.items() if name.startswith(prefix)), 1.0),
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
            InputError: The loss is no longer a number.
        """
        rate = self.learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self.model.train()
        with self.autocast():
            loss: Loss = self.model.loss(batch, self.config.label_smoothing)  # type: ignore[operator]
        if not math.isfinite(loss.nats):
            raise InputError(
                f"training diverged at step {self.step_number} (the loss is {loss.nats}): lower "
                f"training.learning_rate or raise training.warmup_steps, and --resume"
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.objective.backward()
        if self.config.gradient_clip:
            nn.utils.clip_grad_norm_(self.parameters.values(), self.config.gradient_clip)
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

    def _exchange(self) -> None:
        if self.config.average_decay:
            for name, parameter in self.parameters.items():
                parameter.data, self.averages[name] = self.averages[name], parameter.data

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
        from safetensors import SafetensorError, safe_open

        path = directory / "training.safetensors"
        try:
            with safe_open(path, "pt") as file:
                progress: dict[str, Any] = json.loads((file.metadata() or {})["progress"])
            tensors = load_file(path)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(f"{path}: no checkpoint to resume from; train without --resume") from error
        try:
            with torch.no_grad():
                for name, parameter in self.parameters.items():
                    parameter.copy_(tensors[f"weight:{name}"])
                    self.averages[name].copy_(tensors[f"average:{name}"])
                    self.optimizer.state[parameter] = {
                        key: tensors[f"optimizer:{key}:{name}"].to(
                            parameter.device if key != "step" else "cpu"
                        )
                        for key in ("step", "exp_avg", "exp_avg_sq")
                    }
        except (KeyError, RuntimeError) as error:
            raise InputError(f"{path}: the checkpoint is of a model of another shape: {error}") from error
        torch.set_rng_state(tensors["random"])
        self.step_number = int(progress["step"])
        return progress


def train(
    training: Training,
    batches: Callable[[int], Sequence[Any]],
    directory: Path,
    *,
    validate: Callable[[], Validation],
    keep: Callable[[Path], None],
    resume: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> float:
    """Train to the end of the last epoch; returns the best validation's quality.

    Args:
        training: The model in training.
        batches: The batches of an epoch, always the same for the same number.
        directory: Where to write ``metrics.jsonl``, the checkpoint and the best model, ``best``.
        validate: Called after each epoch with the averaged weights in the model.
        keep: Saves the model as it is into a directory.
        resume: Go on from the checkpoint in ``directory``.
        report: Takes a line for the person who waits.
    """
    config = training.config
    directory.mkdir(parents=True, exist_ok=True)
    progress: dict[str, Any] = {
        "epoch": 0,
        "position": 0,
        "best": -math.inf,
        "best_epoch": 0,
        "nats": 0.0,
        "tokens": 0,
    }
    if resume:
        progress = training.load(directory)
    while progress["epoch"] < config.epochs:
        _train_epoch(training, batches(progress["epoch"]), progress, directory)
        with training.averaged(), torch.inference_mode(), training.autocast():
            validation = validate()
        progress["epoch"] += 1
        if validation.quality > progress["best"]:
            progress["best"], progress["best_epoch"] = validation.quality, progress["epoch"]
            with training.averaged():
                keep(directory / "best")
        figures = {"train_loss": progress["nats"] / max(1, progress["tokens"]), **validation.figures}
        record = {
            "epoch": progress["epoch"],
            "step": training.step_number,
            **figures,
            "samples": validation.samples,
        }
        with (directory / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
        shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        report("\n  ".join([f"epoch {progress['epoch']}: {shown}", *validation.samples]))
        progress |= {"position": 0, "nats": 0.0, "tokens": 0}
        training.save(directory, progress)
        if config.patience and progress["epoch"] - progress["best_epoch"] >= config.patience:
            report(f"no better for {config.patience} epochs: stopping")
            break
    return float(progress["best"])


def _train_epoch(
    training: Training, batches: Sequence[Any], progress: dict[str, Any], directory: Path
) -> None:
    """Learn from the batches of one epoch that ``progress`` has not counted yet."""
    saved = time.monotonic()
    bar = tqdm(
        initial=progress["position"],
        total=len(batches),
        desc=f"epoch {progress['epoch'] + 1}/{training.config.epochs}",
        unit="batch",
        disable=None,
        file=sys.stderr,
    )
    with bar:
        for position in range(progress["position"], len(batches)):
            loss = training.step(batches[position])
            progress["nats"] += loss.nats
            progress["tokens"] += loss.tokens
            progress["position"] = position + 1
            bar.set_postfix(loss=f"{loss.nats / loss.tokens:.3f}", refresh=False)
            bar.update()
            if time.monotonic() - saved > 60 * training.config.save_minutes:
                training.save(directory, progress)
                saved = time.monotonic()

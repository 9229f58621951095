"""The training loop: epochs, validations, checkpoints, and the best model kept."""

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm import tqdm

from common.errors import InputError
from common.training import Training


class Batches(Protocol):
    """The batches of one epoch."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, place: int, /) -> Any:
        """One of them, as the model's ``loss`` takes it."""
        ...


@dataclass(frozen=True)
class Validation:
    """What a validation found: figures to report, the one to maximise, and some output to read."""

    figures: dict[str, float]
    quality: float
    samples: tuple[str, ...] = ()


def train(
    training: Training,
    batches: Callable[[int], Batches],
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

    Raises:
        InputError: The directory cannot be made, no checkpoint is there to resume from, or
            training diverged.
    """
    patience = training.config.patience
    progress = _begin(training, directory, resume=resume)
    while progress["epoch"] < training.config.epochs:
        if patience and progress["epoch"] - progress["best_epoch"] >= patience:
            report(f"no better for {patience} epochs: stopping")
            break
        _train_epoch(training, batches(progress["epoch"]), progress, directory)
        with training.averaged():
            with torch.inference_mode(), training.autocast():
                validation = validate()
            progress["epoch"] += 1
            if validation.quality >= progress["best"]:  # of equals the later, which has learned for longer
                progress["best"], progress["best_epoch"] = validation.quality, progress["epoch"]
                keep(directory / "best")
        _write_down(validation, training.step_number, progress, directory, report)
        progress |= {"position": 0, "nats": 0.0, "tokens": 0}
        training.save(directory, progress)
    return float(progress["best"])


def _begin(training: Training, directory: Path, *, resume: bool) -> dict[str, Any]:
    """How far training has come; what an older run has written down beyond that is forgotten."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{directory}: cannot be made ({error.strerror}); choose another output") from error
    progress: dict[str, Any] = {"epoch": 0, "position": 0, "best": -math.inf, "best_epoch": 0}
    progress |= {"nats": 0.0, "tokens": 0}
    if resume:
        progress = training.load(directory)
    metrics = directory / "metrics.jsonl"
    if metrics.exists():
        lines = metrics.read_bytes().splitlines(keepends=True)
        metrics.write_bytes(b"".join(lines[: progress["epoch"]]))
    return progress


def _train_epoch(training: Training, batches: Batches, progress: dict[str, Any], directory: Path) -> None:
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
            bar.set_postfix(loss=f"{loss.nats / max(1, loss.tokens):.3f}", refresh=False)
            bar.update()
            if time.monotonic() - saved > 60 * training.config.save_minutes:
                training.save(directory, progress)
                saved = time.monotonic()


def _write_down(
    validation: Validation,
    step: int,
    progress: dict[str, Any],
    directory: Path,
    report: Callable[[str], None],
) -> None:
    """Add an epoch to ``metrics.jsonl`` and report it."""
    figures = {"train_loss": progress["nats"] / max(1, progress["tokens"]), **validation.figures}
    record = {"epoch": progress["epoch"], "step": step, **figures, "samples": validation.samples}
    with (directory / "metrics.jsonl").open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")
    shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
    report("\n  ".join([f"epoch {progress['epoch']}: {shown}", *validation.samples]))

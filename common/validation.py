"""Validations in the course of a training, and what comes of them: the best model and the log."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from common.checkpoint import average_weights, save_checkpoint, save_weights
from common.training import Training
from common.training_log import TrainingLog


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Attributes:
        figures: To report, by name.
        quality: What to maximise.
        samples: Some output to read.
        measure: What ``quality`` is, for people.
    """

    figures: dict[str, float]
    quality: float
    samples: tuple[str, ...] = ()
    measure: str = "quality"


class Validations:
    """Those of one training. Its progress is a dictionary fit for JSON, as it is in the checkpoint."""

    def __init__(
        self,
        training: Training,
        directory: Path,
        *,
        validate: Callable[[], Validation],
        keep: Callable[[Path], None],
        report: Callable[[str], None],
    ) -> None:
        """Take the arguments of :func:`common.training_loop.train`."""
        self.training, self.directory = training, directory
        self.validate, self.keep, self.report = validate, keep, report

    def after_epoch(self, progress: dict[str, Any], log: TrainingLog) -> None:
        """Validate the averaged weights, and keep them if they are the best or among them."""
        epoch, most = progress["epoch"], self.training.config.keep_best
        with self.training.averaged():
            validation = self._validated(progress)
            if validation.quality == progress["best"]:
                progress["best_epoch"] = epoch
            progress["kept"] = sorted([*progress["kept"], [validation.quality, epoch]])[-most:]
            if most > 1 and [validation.quality, epoch] in progress["kept"]:
                save_weights(self.training, self._weights(epoch))
        figures = {"train_loss": progress["nats"] / max(1, progress["tokens"]), **validation.figures}
        record = {"epoch": epoch, "step": self.training.step_number}
        record |= {"learning_rate": self.training.learning_rate(), **figures, "quality": validation.quality}
        log.add(record, validation.samples, validation.measure)
        self._report(f"epoch {epoch}", figures, validation)

    def save(self, progress: dict[str, Any]) -> None:
        """Write the checkpoint; only then are weights let go that are not among the best any more."""
        save_checkpoint(self.training, self.directory, progress)
        kept = [self._weights(epoch) for _, epoch in progress["kept"]]
        for path in self.directory.glob("epoch-*.safetensors"):
            if path not in kept:
                path.unlink()

    def of_average(self, progress: dict[str, Any], log: TrainingLog) -> None:
        """Average the weights of the best epochs; that is the best model if it is better still."""
        epochs = sorted(epoch for _, epoch in progress["kept"] if self._weights(epoch).exists())
        if len(epochs) < 2:
            return
        weights = average_weights(self.training, [self._weights(epoch) for epoch in epochs])
        with self.training.averaged(weights):
            validation = self._validated(progress)
        record = {"epoch": progress["epoch"], "step": self.training.step_number, "averaged": epochs}
        record |= {**validation.figures, "quality": validation.quality}
        log.add(record, validation.samples, validation.measure)
        verdict = "" if validation.quality == progress["best"] else ", no better than one of them alone"
        title = f"average of epochs {', '.join(map(str, epochs))}{verdict}"
        self._report(title, validation.figures, validation)
        save_checkpoint(self.training, self.directory, progress)

    def _validated(self, progress: dict[str, Any]) -> Validation:
        """Validate the model as it is and keep it if none was better."""
        with torch.inference_mode(), self.training.autocast():
            validation = self.validate()
        # Of equals the later, which has learned for longer.
        if validation.quality >= progress["best"]:
            progress["best"] = validation.quality
            self.keep(self.directory / "best")
        return validation

    def _weights(self, epoch: int) -> Path:
        return self.directory / f"epoch-{epoch}.safetensors"

    def _report(self, title: str, figures: dict[str, float], validation: Validation) -> None:
        shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.report("\n  ".join([f"{title}: {shown}", *validation.samples]))

"""The training loop: epochs, validations, checkpoints, and the best model kept."""

import math
import sys
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from common.checkpoint import load_checkpoint, save_checkpoint
from common.errors import InputError
from common.training import Training
from common.training_log import TrainingLog
from common.validation import Validation, Validations


class Batches(Protocol):
    """The batches of one epoch."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, place: int, /) -> Any:
        """One of them, as the model's ``loss`` takes it."""
        ...


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

    Processes that train together take a batch each at every step. The first of them
    alone validates, reports and writes.

    Args:
        training: The model in training.
        batches: The batches of an epoch, always the same for the same number.
        directory: Where to write the checkpoint, the log and the best model, ``best``.
        validate: Called after each epoch with the averaged weights in the model.
        keep: Saves the model as it is into a directory.
        resume: Go on from the checkpoint in ``directory``.
        report: Takes a line for the person who waits.

    Raises:
        InputError: The directory cannot be made, no checkpoint is there to resume from, or
            training diverged.
    """
    workers, patience = training.workers, training.config.patience
    report = workers.only_first(report)
    validations = Validations(training, directory, validate=validate, keep=keep, report=report)
    progress = _begin(training, directory, resume=resume)
    begun = progress["epoch"], training.step_number
    with closing(TrainingLog(directory, *begun)) if workers.is_first else nullcontext() as log:
        while progress["epoch"] < training.config.epochs:
            if patience and progress["epoch"] - progress["best_epoch"] >= patience:
                report(f"no better for {patience} epochs: stopping")
                break
            _train_epoch(training, batches(progress["epoch"]), progress, directory)
            progress["epoch"] += 1
            if log:
                validations.after_epoch(progress, log)
            progress = workers.from_first(progress | _NOTHING_YET)
            if log:
                validations.save(progress)
        if log:
            validations.of_average(progress, log)
    return float(workers.from_first(progress["best"]))


_NOTHING_YET = {"position": 0, "nats": 0.0, "tokens": 0}


def _begin(training: Training, directory: Path, *, resume: bool) -> dict[str, Any]:
    """How far training has come."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{directory}: cannot be made ({error.strerror}); choose another output") from error
    start = {"epoch": 0, "best": -math.inf, "best_epoch": 0, "kept": [], **_NOTHING_YET}
    return start | (load_checkpoint(training, directory) if resume else {})


def _train_epoch(training: Training, batches: Batches, progress: dict[str, Any], directory: Path) -> None:
    """Learn from the batches of one epoch that ``progress`` has not counted yet."""
    workers, saved = training.workers, time.monotonic()
    bar = tqdm(
        initial=progress["position"],
        total=len(batches),
        desc=f"epoch {progress['epoch'] + 1}/{training.config.epochs}",
        unit="batch",
        disable=None if workers.is_first else True,
        file=sys.stderr,
    )
    with bar:
        for position in range(progress["position"], len(batches), workers.count):
            # In the last step of an epoch there may be fewer batches than processes: then some come twice.
            loss = training.step(batches[(position + workers.rank) % len(batches)])
            progress["nats"] += loss.nats
            progress["tokens"] += loss.tokens
            progress["position"] = min(position + workers.count, len(batches))
            bar.set_postfix(loss=f"{loss.nats / max(1, loss.tokens):.3f}", refresh=False)
            bar.update(progress["position"] - position)
            if workers.is_first and time.monotonic() - saved > 60 * training.config.save_minutes:
                save_checkpoint(training, directory, progress)
                saved = time.monotonic()

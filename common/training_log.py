"""What a training writes down for people: ``metrics.jsonl``, ``curves.png``, events for TensorBoard."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from common.errors import InputError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TrainingLog:
    """The log of one training, in its output directory, which is that training's own until it is closed."""

    def __init__(self, directory: Path, epoch: int, step: int) -> None:
        """Go on with the log; what an older run has written beyond ``epoch`` and ``step`` is forgotten.

        Raises:
            InputError: Another process trains into the directory.
        """
        # However a process ends, the system lets go of what it has locked.
        self.lock = FileLock(directory / "training.lock", timeout=0)
        try:
            self.lock.acquire()
        except Timeout as error:
            raise InputError(
                f"{directory}: another training writes there; wait for its end, or choose another output"
            ) from error
        self.directory, self.metrics = directory, directory / "metrics.jsonl"
        lines = self.metrics.read_bytes().splitlines(keepends=True) if self.metrics.exists() else []
        read = [(line, _record(line)) for line in lines]
        kept = [(line, each) for line, each in read if 0 < each["epoch"] <= epoch and "averaged" not in each]
        self.records = [record for _, record in kept]
        if lines:
            self.metrics.write_bytes(b"".join(line for line, _ in kept))
        self.events = _events(directory / "tensorboard", step)

    def add(self, record: dict[str, Any], samples: tuple[str, ...], measure: str) -> None:
        """Write down a validation: its figures, some output to read, and what its ``quality`` measures."""
        # Drawn first: of what the curves show, nothing is ever missing there.
        from common.curves import draw_curves

        self.records.append(record)
        line = json.dumps({**record, "samples": samples}, ensure_ascii=False)
        with self.metrics.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")
        draw_curves(self.records, self.directory / "curves.png", measure)
        if self.events is not None:
            group = "average/" if "averaged" in record else ""  # it is at the same step as the last epoch
            for name, value in record.items():
                if isinstance(value, float):
                    self.events.add_scalar(group + name.replace(" ", "/"), value, record["step"])
            # Two spaces end a line of Markdown, which this is read as.
            self.events.add_text("samples", "  \n".join(samples), record["step"])
            self.events.flush()

    def close(self) -> None:
        """Nothing more will be added."""
        if self.events is not None:
            self.events.close()
        self.lock.release()


def _record(line: bytes) -> dict[str, Any]:
    """The record of a line; of one that is not whole, as after a crash, an empty one of epoch 0."""
    try:
        record: dict[str, Any] = json.loads(line)
        return {"epoch": int(record["epoch"]), **record}
    except (ValueError, TypeError, KeyError):
        return {"epoch": 0}


def _events(directory: Path, step: int) -> "SummaryWriter | None":
    """A writer for TensorBoard; None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    if step == 0:
        for former in directory.glob("events.out.tfevents.*"):
            former.unlink()
    return SummaryWriter(str(directory), purge_step=step + 1 if step else None)

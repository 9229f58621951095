"""From nothing to an answer: processes timed from outside, their peak memory, and loading alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from matplotlib.cbook import get_sample_data

from captioning.model import Captioner
from common.cli import applications
from common.errors import InputError
from common.generation.model import LanguageModel
from tests.benchmarks.measurement import Measurement, Outcome, Settings
from tests.benchmarks.timing import clocked, in_rounds
from translation.model import Translator

INWORDS = (sys.executable, "-m", "common")

# Between us and what is measured: a process counts the memory of the one that started it as its own.
_BETWEEN = """
import json, os, sys, time
begin = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, used = os.wait4(process, 0)
seconds = time.perf_counter() - begin
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, used.ru_maxrss / 1024]))
"""


@dataclass(frozen=True)
class Finished:
    """A process that has ended well.

    Attributes:
        seconds: From its start to its end.
        megabytes: Its peak memory.
    """

    seconds: float
    megabytes: float


def run(command: Sequence[str], threads: int) -> Finished:
    """Run a command as a fresh process.

    Raises:
        InputError: It failed.
    """
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _BETWEEN, *command],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )
    status, seconds, megabytes = json.loads(found.stdout)
    if status:
        raise InputError(f"{' '.join(command)}: ended with status {status}: {found.stderr[-500:]}")
    return Finished(seconds, megabytes)


def commands(photograph: Path) -> dict[str, tuple[str, ...]]:
    """What to start, by name, each after what it is to be seen beside."""
    python = sys.executable
    return {
        "python -c pass": (python, "-c", "pass"),
        "inwords --help": (*INWORDS, "--help"),
        "import torch": (python, "-c", "import torch"),
        "inwords translate": (*INWORDS, "translate", "--from", "de", "--to", "en", "Ein Hund läuft."),
        "inwords caption": (*INWORDS, "caption", str(photograph)),
        "inwords generate": (*INWORDS, "generate", "ROMEO:", "--length", "100"),
    }


def measure(settings: Settings) -> Outcome:
    """Seconds and megabytes of each command as a fresh process; seconds of loading each model."""
    outcome = Outcome()
    started = commands(Path(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    finished: dict[str, list[Finished]] = {name: [] for name in started}

    def start(name: str) -> Callable[[], float]:
        def once() -> float:
            finished[name].append(run(started[name], settings.threads))
            return finished[name][-1].seconds

        return once

    # The first start reads the files into memory; more rounds than elsewhere, as each is short.
    rounds = settings.rounds if settings.quick else 2 * settings.rounds + 1
    seconds = in_rounds({name: start(name) for name in started}, rounds, warm_up=not settings.quick)
    megabytes = {name: median(each.megabytes for each in all_) for name, all_ in finished.items()}
    for name in started:
        beside = {"inwords --help": "python -c pass"}.get(name, "import torch")
        if name.startswith("inwords"):
            for figures, shown, unit in ((seconds, "cold start", "s"), (megabytes, "peak memory", "MB")):
                outcome.measurements.append(
                    Measurement(f"{shown}, {name}", figures[name], unit, beside, figures[beside])
                )
    outcome.measurements += _loading(settings)
    return outcome


def _loading(settings: Settings) -> list[Measurement]:
    """Seconds of loading each model, PyTorch being there, beside those of reading its file."""
    found = []
    directories = {path.parent.name: path for path in (each.built_in for each in applications())}
    models = {"translation": Translator, "captioning": Captioner, "generation": LanguageModel}
    for name, model in models.items():
        directory = directories[name]
        seconds = in_rounds(
            {
                "reading the file": clocked((directory / "model.safetensors").read_bytes),
                "load": clocked(lambda model=model: model.load(device="cpu")),  # type: ignore[misc]
            },
            settings.rounds,
        )
        found.append(
            Measurement(
                f"loading, {name}", seconds["load"], "s", "reading the file", seconds["reading the file"]
            )
        )
    return found

"""The peers: other programs that translate, each in its own environment, asked for the same work as we are.

``make peers`` sets them up. A driver inside each environment loads its model once and answers jobs,
a line of JSON each; see ``peers/joeynmt_driver.py`` for what they are.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from tests.benchmarks.measurement import Settings

FOLDER = Path(".peers")
DRIVERS = Path(__file__).parent / "peers"
NAMES = {"JoeyNMT 2.3": "joeynmt", "OpenNMT-py 3.5": "opennmt"}


class PeerError(Exception):
    """A peer has ended instead of giving an answer; the message is the end of what it said."""


class Peer:
    """A peer that waits for jobs."""

    def __init__(self, name: str, process: "subprocess.Popen[str]", said: IO[bytes]) -> None:
        self.name, self._process, self._said = name, process, said

    def ask(self, **job: Any) -> dict[str, Any]:
        """Have a job done.

        Raises:
            PeerError: It was not.
        """
        jobs, answers = self._process.stdin, self._process.stdout
        assert jobs
        assert answers
        try:
            print(json.dumps(job), file=jobs, flush=True)
            line = answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            with suppress(BrokenPipeError):  # with what could not be sent
                jobs.close()
            self._said.seek(0)
            last = self._said.read().decode(errors="replace")[-1500:]
            raise PeerError(f"{self.name} ended without an answer; the last that it said:\n{last}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def translate(self, sentences: Sequence[str], batch: int, beam: int, threads: int) -> dict[str, Any]:
        """Translations of German ``sentences`` and the seconds of the model's work: its keys."""
        return self.ask(kind="translate", sentences=list(sentences), batch=batch, beam=beam, threads=threads)

    def train(self, steps: int, batch: int, threads: int) -> dict[str, Any]:
        """Target ``tokens`` and ``seconds`` of training steps from nothing, ``batch`` sentences each."""
        return self.ask(kind="steps", steps=steps, batch=batch, threads=threads)


def available(settings: Settings, *, trained: bool = True) -> list[str]:
    """The names of the peers that are wanted and set up, and ``trained`` if they are to be."""
    needed = "model/*.*pt" if trained else "set-up"
    there = {name for name, folder in NAMES.items() if any((FOLDER / folder).glob(needed))}
    return [name for name in NAMES if settings.peers and name in there]


@contextmanager
def running(settings: Settings, *, trained: bool = True) -> Iterator[dict[str, Peer]]:
    """Start those that are available, with their models yet to be loaded; they end with the context."""
    names = available(settings, trained=trained)
    with ExitStack() as stack:
        yield {name: stack.enter_context(_started(name, settings.threads)) for name in names}


@contextmanager
def _started(name: str, threads: int) -> Iterator[Peer]:
    folder = NAMES[name]
    command = [FOLDER / folder / "bin" / "python", DRIVERS / f"{folder}_driver.py", FOLDER]
    with (
        TemporaryFile() as said,
        subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        ) as process,
    ):
        yield Peer(name, process, said)
        # Without more jobs it ends by itself.
        assert process.stdin
        process.stdin.close()
        process.wait()

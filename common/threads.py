"""How many processor threads a command computes with."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from time import sleep

STATISTICS = Path("/proc/stat")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads``; the command line sees to it by :func:`use_threads`."""
    parser.add_argument(
        "--threads",
        type=_number_of_threads,
        metavar="N",
        help="threads to compute with; without, as many as there are processors that nobody else keeps busy",
    )


def use_threads(wanted: int | None) -> None:
    """Let PyTorch compute with so many threads; with None, not with more than there are idle processors.

    Threads wait for each other after every operation. When one of them has to share its processor
    with another program the others wait for that, too, and all is slower than one thread alone.
    ``OMP_NUM_THREADS`` in the environment is the user's word as well.
    """
    if "torch" in sys.modules:
        # Somebody else's program, which has its own number; only what is asked for changes that.
        if wanted:
            sys.modules["torch"].set_num_threads(wanted)
    elif wanted or "OMP_NUM_THREADS" not in os.environ:
        busy = 0 if wanted else busy_elsewhere()
        if wanted or busy:
            # PyTorch reads it when it is imported.
            os.environ["OMP_NUM_THREADS"] = str(wanted or max(1, (os.cpu_count() or 1) - busy))


def busy_elsewhere() -> int:
    """How many other threads keep processors of this machine busy; 0 where the system does not tell.

    The least of a few looks: one that only wakes up now and then is not busy.
    """
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) != os.cpu_count():
        return 0  # of those that run, who knows which run here
    looks = []
    for _ in range(4):
        looks.append(_running() - 1)  # this one is running, too
        sleep(0.002)
    return max(0, min(looks))


def _running() -> int:
    """How many threads run on this machine, or wait for a processor; 0 where that is not known."""
    try:
        lines = STATISTICS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("procs_running ")), 0)


def _number_of_threads(text: str) -> int:
    if text.isdecimal() and len(text) < 5 and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 9999, got {text}")

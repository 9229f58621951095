"""The command line of the benchmarks: ``python -m tests.benchmarks``."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from common.errors import InputError
from common.memory import keep_freed_memory
from tests.benchmarks.measurement import Measurement, Outcome, Settings
from tests.benchmarks.table import table

PARTS = {
    "limits": "rates of matrix products, in 32, 16 and 8 bits",
    "translation": "greedy and beam 5; one at a time, 32, 128, and as the product does it",
    "captioning": "from pixels and from files; one at a time and 32",
    "generation": "characters a second",
    "training": "steps of the three applications",
    "start": "cold start and peak memory of each command, loading of each model",
    "scaling": "time and memory against amount, with plots; only if named, as it takes long",
}
USUAL = tuple(name for name in PARTS if name != "scaling")

EPILOG = """\
Each figure is the median of rounds in which everything that is compared takes turns. Beside it is what this
machine could do at best, measured in the same rounds, or the figure of a peer; the ratio is the value over
that. Of speeds more is better, of seconds and megabytes less.

The peers take part where they have been set up, with `make peers` (PEER_MINUTES=90 to train each longer).
Run from the folder of the project, with nothing else running, and with datasets/ as README describes.

Exits with 1, saying why, if an output is not what the plain path in float32 gives (0.1 BLEU are allowed, and
one translation in ten where few are translated, one at a time), if our BLEU is lower than a peer's, or if a
part cannot be measured.

examples:
  python -m tests.benchmarks --json figures.json            all parts, half an hour with the peers
  python -m tests.benchmarks --only translation --sentences 200 --rounds 1
  python -m tests.benchmarks --quick                        does everything work? the figures mean nothing
  python -m tests.benchmarks --only scaling --plots docs
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure how fast the suite is, beside what this machine can do and beside its peers.\n\n"
        "parts:\n" + "\n".join(f"  {name:<12} {meaning}" for name, meaning in PARTS.items()),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, metavar="PART", default=USUAL, help="measure these parts"
    )
    parser.add_argument(
        "--threads", type=_positive, default=2, metavar="N", help="for everybody (default: 2)"
    )
    parser.add_argument(
        "--rounds", type=_positive, metavar="N", help="how often each is measured (default: 3; quick: 1)"
    )
    parser.add_argument(
        "--sentences", type=_positive, default=1000, metavar="N", help="to translate (default: 1000)"
    )
    parser.add_argument(
        "--translator",
        type=Path,
        metavar="DIR",
        help="the model whose translation, German to English, and training to measure "
        "(default: the built-in one)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--plots", type=Path, metavar="DIR", help="where scaling draws scaling.svg (default: here)"
    )
    parser.add_argument(
        "--peers",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="run the peers that are set up (default: yes)",
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON; the exit status."""
    options = make_parser().parse_args(arguments)
    # Before PyTorch is imported, which starts its threads.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    # As commands do; else limits that need large buffers, such as torchvision's ResNet, would be too low.
    keep_freed_memory()
    settings = Settings(
        threads=options.threads,
        rounds=options.rounds or (1 if options.quick else 3),
        sentences=options.sentences,
        quick=options.quick,
        peers=options.peers,
        translator=options.translator,
    )
    measurements: list[Measurement] = []
    failures: list[str] = []
    for name in dict.fromkeys(options.only):
        outcome = _measure(name, settings, options.plots or Path())
        measurements += outcome.measurements
        failures += outcome.failures
    print(table(measurements))
    if options.json:
        record = _record(settings, measurements, failures)
        options.json.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text}")


def _measure(name: str, settings: Settings, plots: Path) -> Outcome:
    """One part; that it cannot be measured is a failure of its own."""
    print(f"measuring {name} ...", end=" ", file=sys.stderr, flush=True)
    begin = perf_counter()
    module = import_module(f"tests.benchmarks.{name}")
    try:
        outcome: Outcome = module.measure(settings, plots) if name == "scaling" else module.measure(settings)
    except (InputError, import_module("tests.benchmarks.peers").PeerError) as error:
        outcome = Outcome(failures=[f"{name}: {error}"])
    print(f"{perf_counter() - begin:.0f} s", file=sys.stderr)
    return outcome


def _record(
    settings: Settings, measurements: Sequence[Measurement], failures: Sequence[str]
) -> dict[str, object]:
    """What goes into the JSON: where and how it was measured, the figures, what failed."""
    return {
        "machine": {
            "processor": _processor(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "torch": version("torch"),
        },
        "settings": vars(settings) | {"translator": str(settings.translator or "built-in")},
        "measurements": [each.as_record() for each in measurements],
        "failures": list(failures),
    }


def _processor() -> str:
    """The processor's name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


if __name__ == "__main__":
    sys.exit(main())

"""How time and memory grow with the amount of work, of whole commands, and a plot of each."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from tests.benchmarks.captioning import photographs
from tests.benchmarks.measurement import Measurement, Outcome, Settings
from tests.benchmarks.start import INWORDS, Finished, run
from tests.benchmarks.translation import read_sentences

Command = tuple[str, ...]
Make = Callable[[Path, int], Command]
TRANSLATE: Command = (*INWORDS, "translate", "--from", "de", "--to", "en")


@dataclass(frozen=True)
class Series:
    """A kind of work in growing amounts.

    Attributes:
        name: What grows, with its unit.
        amounts: How much of it.
        command: Given the folder to put files into and an amount, what to run.
        begin: Of which an amount of 1 is next to nothing to do.
    """

    name: str
    amounts: Sequence[int]
    command: Make
    begin: Make


@dataclass(frozen=True)
class Curve:
    """What the commands of a series took, and the one with next to nothing to do."""

    series: Series
    begin: Finished
    finished: Sequence[Finished]

    @property
    def seconds(self) -> list[float]:
        """Of each amount, without what starting takes."""
        return [max(1e-3, each.seconds - self.begin.seconds) for each in self.finished]

    @property
    def megabytes(self) -> list[float]:
        """Peak memory of each amount."""
        return [each.megabytes for each in self.finished]


def sentences(folder: Path, amount: int) -> Command:
    """Translate so many lines, the test set over and over."""
    return (*TRANSLATE, *_lines(folder, list(islice(cycle(read_sentences(1000).sources), amount))))


def greedily(folder: Path, amount: int) -> Command:
    """Translate so many lines, taking the likeliest token each time."""
    return (*sentences(folder, amount), "--beam", "1")


def widths(count: int) -> Make:
    """Translate ``count`` lines with a beam of the width given."""
    return lambda folder, amount: (*sentences(folder, count), "--beam", str(amount))


def lengths(count: int) -> Make:
    """Translate ``count`` lines of so many words, put together from the words of the test set."""

    def command(folder: Path, amount: int) -> Command:
        words = [word for text in read_sentences(1000).sources for word in text.rstrip(".").split()]
        endless = cycle(words)
        lines = [" ".join(islice(endless, amount)) + "." for _ in range(count)]
        return (*TRANSLATE, *_lines(folder, lines))

    return command


def pictures(folder: Path, amount: int) -> Command:
    """Caption a folder of so many photographs, a few over and over."""
    few = [Path(shutil.copy(path, folder)) for path in photographs(min(amount, 100))]
    album = folder / "album"
    album.mkdir()
    for number, path in enumerate(islice(cycle(few), amount)):
        os.link(path, album / f"{number:06}.jpg")
    return (*INWORDS, "caption", str(album), "--output", str(folder / "output.txt"))


def all_series(quick: bool) -> list[Series]:
    """What is measured."""
    if quick:
        return [
            Series("sentences, greedily", (2, 8), greedily, sentences),
            Series("width of the beam", (1, 2), widths(2), sentences),
            Series("words of each sentence", (5, 20), lengths(2), sentences),
            Series("photographs", (2, 4), pictures, pictures),
        ]
    return [
        Series("sentences, greedily", (1_000, 3_000, 10_000, 30_000, 100_000), greedily, sentences),
        Series("width of the beam", (1, 2, 4, 8, 16), widths(1000), sentences),
        Series("words of each sentence", (5, 10, 20, 50, 100, 200), lengths(300), sentences),
        Series("photographs", (10, 100, 1_000, 10_000), pictures, pictures),
    ]


def measure(settings: Settings, plots: Path) -> Outcome:
    """Run all series, draw ``scaling.svg`` in ``plots``, and say how far the growth is from proportional.

    Each amount is run once: a disturbance stands out in the plot.
    """
    every = all_series(settings.quick)
    # The one before warms up: the first start reads the files into memory.
    begins: dict[Make, Finished] = {
        make: [_run(make, 1, settings.threads) for _ in range(2)][-1] for make in (sentences, pictures)
    }
    curves = [
        Curve(
            series,
            begins[series.begin],
            [_run(series.command, amount, settings.threads) for amount in series.amounts],
        )
        for series in every
    ]
    plots.mkdir(parents=True, exist_ok=True)
    draw(curves).savefig(plots / "scaling.svg")
    outcome = Outcome()
    for curve in curves:
        name, amounts = f"scaling, {curve.series.name}", curve.series.amounts
        each = [1000 * time / amount for time, amount in zip(curve.seconds, amounts, strict=True)]
        least, most = (f"of {amount:,}" for amount in (amounts[0], amounts[-1]))
        outcome.measurements += [
            Measurement(f"{name}, time of one {most}", each[-1], "ms", least, each[0]),
            Measurement(f"{name}, peak memory {most}", curve.megabytes[-1], "MB", least, curve.megabytes[0]),
        ]
    return outcome


def draw(curves: Sequence[Curve]) -> Figure:
    """A small plot of each curve: time, with a line of proportional growth, and memory."""
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    for axes, curve in zip(figure.subplots(2, 2).flat, curves, strict=True):
        _draw_one(axes, curve)
    figure.legend(loc="outside lower center", ncols=3, handles=figure.axes[0].lines + figure.axes[-1].lines)
    return figure


def _draw_one(axes: Axes, curve: Curve) -> None:
    amounts, seconds = curve.series.amounts, curve.seconds
    each = seconds[-1] / amounts[-1]
    axes.loglog(amounts, seconds, "o-", color="tab:blue", label="time beyond starting")
    axes.loglog(amounts, [each * amount for amount in amounts], "--", color="tab:grey", label="in proportion")
    axes.set_xticks(amounts, [f"{amount:,}" for amount in amounts])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.minorticks_off()
    axes.set_xlabel(curve.series.name)
    axes.set_ylabel("seconds")
    memory = axes.twinx()
    memory.plot(amounts, curve.megabytes, "s:", color="tab:orange", label="peak memory")
    memory.set_ylim(0, 1.25 * max(curve.megabytes))
    memory.set_ylabel("MB")


def _run(make: Make, amount: int, threads: int) -> Finished:
    with TemporaryDirectory() as scratch:
        return run(make(Path(scratch), amount), threads)


def _lines(folder: Path, lines: Sequence[str]) -> Command:
    """Write lines into a file, and the flags to translate it."""
    path = folder / "input.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return ("--input", str(path), "--output", str(folder / "output.txt"))

"""Times that can be compared: taken in turns, so that a machine that slows down slows down everybody."""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter

Work = Callable[[], float]
"""Does something once and returns the seconds that count."""


def clocked(work: Callable[[], object]) -> Work:
    """The work with all of its time counted."""

    def clock() -> float:
        begin = perf_counter()
        work()
        return perf_counter() - begin

    return clock


def repeated(work: Callable[[], object], count: int) -> Work:
    """Work too short for the clock, done ``count`` times; the seconds are of one."""

    def clock() -> float:
        begin = perf_counter()
        for _ in range(count):
            work()
        return (perf_counter() - begin) / count

    return clock


def in_rounds(works: Mapping[str, Work], rounds: int, *, warm_up: bool = True) -> dict[str, float]:
    """Do all works in turns, ``rounds`` times, and return the median seconds of each.

    Args:
        works: By name; those to be compared belong into one call.
        rounds: How often, at least 1.
        warm_up: Whether to do each once before, uncounted: caches fill, threads start.
    """
    if warm_up:
        for work in works.values():
            work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            seconds[name].append(work())
    return {name: median(each) for name, each in seconds.items()}

"""Learning curves as a picture."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_INK, _BLUE, _ORANGE, _GREEN = "#444444", "#1f5fa8", "#c8621b", "#2f8f4e"


def draw_curves(records: Sequence[dict[str, Any]], path: Path, measure: str = "quality") -> None:
    """Draw loss and quality against steps as a PNG file; the best validation is marked.

    Figures of our own instead of pyplot, which keeps a list of them for all threads.

    Args:
        records: The lines of a ``metrics.jsonl``, at least one.
        path: Appears, or is replaced, when the picture is complete.
        measure: What ``quality`` is, for the axis.
    """
    figure = Figure((7.5, 6), dpi=110)
    figure.subplots_adjust(left=0.11, right=0.97, top=0.94, bottom=0.09, hspace=0.12)
    losses, qualities = figure.subplots(2, 1, sharex=True)
    epochs = [record for record in records if "averaged" not in record]
    _line(losses, epochs, "train_loss", "training", _BLUE)
    _line(losses, epochs, "loss", "validation", _ORANGE)
    # What is learned from rewards has none of its own: there, the loss is minus the reward.
    is_reward = any(record["train_loss"] < 0 for record in epochs)
    losses.set_ylabel("minus the reward" if is_reward else "loss (nats a token)")
    _line(qualities, epochs, "quality", "each epoch", _GREEN)
    for record in records:
        if "averaged" in record:
            label = f"average of {len(record['averaged'])} epochs"
            qualities.plot(record["step"], record["quality"], "D", color=_BLUE, label=label)
    _mark_best(qualities, records)
    qualities.set_ylabel(measure)
    qualities.set_xlabel("step")
    for axes in (losses, qualities):
        if axes.lines:
            axes.legend(frameon=False)
        axes.grid(color="#e4e4e4")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    qualities.set_xlim(left=0)
    temporary = path.with_name(path.name + ".part")
    figure.savefig(temporary, format="png")
    os.replace(temporary, path)


def _line(axes: Axes, records: Sequence[dict[str, Any]], key: str, label: str, colour: str) -> None:
    # Not every model has every figure.
    points = [(record["step"], record[key]) for record in records if key in record]
    if points:
        axes.plot(*zip(*points, strict=True), color=colour, label=label, marker=".", linewidth=1.6)


def _mark_best(axes: Axes, records: Sequence[dict[str, Any]]) -> None:
    validated = [record for record in records if "quality" in record]
    if not validated:
        return
    # Of equals the last, as the one that is kept.
    best = max(reversed(validated), key=lambda record: float(record["quality"]))
    where = "averaged" if "averaged" in best else f"epoch {best['epoch']}"
    axes.axvline(best["step"], color=_INK, linewidth=0.8, linestyle=":")
    axes.plot(
        best["step"],
        best["quality"],
        "o",
        markersize=11,
        markerfacecolor="none",
        markeredgecolor=_INK,
        label=f"best: {best['quality']:.4g} ({where})",
    )

"""What the applications' training commands share: their flags, the recipe, and the run itself."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from common.cli import report
from common.presets import filled, fitting

if TYPE_CHECKING:
    from common.training import TrainingConfig


class Recipe(Protocol):
    """What determines a trained model, as far as the command must know."""

    @property
    def start_from(self) -> str:
        """The model to go on from, or nothing."""

    @property
    def training(self) -> TrainingConfig:
        """How to train."""


R = TypeVar("R", bound=Recipe)


def add_recipe(parser: argparse.ArgumentParser, otherwise: str) -> None:
    """Add the recipe as the first argument; ``otherwise`` says what is done without."""
    parser.add_argument(
        "config",
        nargs="?",
        type=Path,
        metavar="CONFIG.toml",
        help=f"the recipe; without, {otherwise}",
    )


def add_output(parser: argparse.ArgumentParser, default: str = "") -> None:
    """Add the flag for where the model goes, and say where it goes without."""
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help=f"folder for the model (best/), curves.png, metrics.jsonl and the checkpoint{default}",
    )


def add_start_from(parser: argparse.ArgumentParser) -> None:
    """Add the flag for a model that has learned already."""
    parser.add_argument(
        "--start-from",
        metavar="built-in|DIR",
        help="go on from this model, with its vocabulary, instead of from scratch",
    )


def add_training(parser: argparse.ArgumentParser, unit: str) -> None:
    """Add the flags that all training has; ``unit`` is what an epoch passes over."""
    parser.add_argument("--epochs", type=int, metavar="N", help=f"most passes over the {unit}")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one setting of the recipe, such as training.epochs=3; may be repeated",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in the recipe's output"
    )


def given_settings(options: argparse.Namespace, values: dict[str, Any]) -> None:
    """Put what the flags of this module say into the values of a recipe."""
    from common.config import apply_overrides

    for name in ("output", "start_from"):
        if given := getattr(options, name, None):
            values[name] = str(given)
    if options.epochs is not None:
        apply_overrides(values, [f"training.epochs={options.epochs}"])


def sized_recipe(
    kind: type[R], values: dict[str, Any], where: str, unit: str, count: Callable[[R], int]
) -> tuple[R, int | None]:
    """The recipe; one with ``sizes`` takes what suits the amount of data, or what fine-tuning wants.

    Args:
        kind: The application's dataclass.
        values: Its settings, and what to add to them: ``sizes``, each for up to so many of
            ``unit``, and ``fine_tuning``, for a model that has learned already.
        where: Where they come from, for messages.
        unit: What the data are counted in.
        count: How many a recipe has to learn from.

    Returns:
        With it the amount of data, where it was counted.

    Raises:
        InputError: The settings are wrong, or no size has room for the data.
    """
    from common.config import build

    sizes, fine_tuning = values.pop("sizes", None), values.pop("fine_tuning", {})
    recipe = build(kind, values, where)
    if sizes is None:
        return recipe, None
    amount = count(recipe)
    defaults = fine_tuning if recipe.start_from else fitting(sizes, unit, amount, where)
    return build(kind, filled(values, defaults), where), amount


def run_training(train: Callable[..., Path], *recipe: object, resume: bool, chosen: str = "") -> int:
    """Train, and print where the model is; of several processes that train together the first one talks.

    Args:
        train: Takes ``recipe``, and ``resume`` and ``report``; returns the model's directory.
        recipe: What to train.
        resume: Go on from a checkpoint.
        chosen: What was chosen for the data, in words.
    """
    from common.workers import Workers

    first = Workers.join().only_first
    if chosen:
        first(report)(chosen)
    first(print)(str(train(*recipe, resume=resume, report=report)))
    return 0

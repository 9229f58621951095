"""``inwords train captioner``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from common.train_command import (
    add_output,
    add_recipe,
    add_start_from,
    add_training,
    given_settings,
    run_training,
    sized_recipe,
)

if TYPE_CHECKING:
    from captioning.recipe import CaptionerRecipe

OWN_PHOTOGRAPHS = Path(__file__).parent / "recipes" / "own-photographs.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_recipe(parser, "one that suits the number of your --images")
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of the photographs to learn from")
    parser.add_argument(
        "--captions",
        type=Path,
        metavar="FILE",
        help="their captions: CSV, TSV or JSONL with image and caption, COCO or Karpathy JSON, a Flickr8k "
        "token file; without, they are read from a .txt beside each photograph, one a line",
    )
    parser.add_argument("--language", metavar="LANG", help="language of the captions (default: en)")
    parser.add_argument(
        "--validation",
        type=Path,
        metavar="FILE",
        help="captions of those of the --images to measure on, which are not learned from; "
        "without, 5 %% of the photographs, at most 1,000, are set apart",
    )
    add_output(parser)
    add_start_from(parser)
    add_training(parser, "photographs")


def run(options: argparse.Namespace) -> int:
    """Train a captioner and print where it is; returns the exit status."""
    _check(options)
    from captioning.training import train_captioner

    recipe, chosen = _recipe(options)
    return run_training(train_captioner, recipe, resume=options.resume, chosen=chosen)


def _check(options: argparse.Namespace) -> None:
    """What the parser cannot know to be wrong."""
    if options.config is None and not options.images:
        options.usage("give a recipe, CONFIG.toml, or the --images to learn from")
    for name in ("captions", "language", "validation"):
        if getattr(options, name) and not options.images:
            options.usage(f"--{name} needs --images, the folder of the photographs")


def _recipe(options: argparse.Namespace) -> tuple[CaptionerRecipe, str]:
    """The recipe, and what in it was chosen for the number of photographs, in words."""
    from captioning.recipe import CaptionerRecipe
    from common.config import read_recipe

    where = str(options.config or "inwords train captioner")
    values = read_recipe(options.config or OWN_PHOTOGRAPHS, options.set)
    if options.images:
        files = {"images": str(options.images), "language": options.language or "en"}
        values["data"] = [files | ({"captions": str(options.captions)} if options.captions else {})]
        if options.validation:
            values["validation"] = [files | {"captions": str(options.validation)}]
    given_settings(options, values)
    recipe, count = sized_recipe(CaptionerRecipe, values, where, "photographs", _count)
    if count is None:
        return recipe, ""
    training, model = recipe.training, recipe.model
    return recipe, (
        f"{count:,} photographs, so training.epochs={training.epochs} at most, training.learning_rate="
        f"{training.learning_rate:g}, model.dropout={model.dropout:g}, model.trained_stages="
        f"{model.trained_stages} (--set changes them)"
    )


def _count(recipe: CaptionerRecipe) -> int:
    """The photographs to learn from."""
    return len({record.image for files in recipe.data for record in files.read()})

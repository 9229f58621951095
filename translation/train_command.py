"""The command that trains a translator."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from translation.recipe import TranslatorRecipe

OWN_PAIRS = Path(__file__).parent / "recipes" / "own-pairs.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inwords train translator``."""
    add_recipe(parser, "one that suits the number of your --pairs")
    pairs = "two files, line by line, or one of SOURCE<TAB>TARGET or of JSON records (.jsonl); may be gzip"
    parser.add_argument("--pairs", nargs="+", type=Path, metavar="FILE", help=f"what to learn from: {pairs}")
    parser.add_argument("--from", dest="source", metavar="LANG", help="language of the first, such as de")
    parser.add_argument("--to", dest="target", metavar="LANG", help="language of the second, such as en")
    parser.add_argument("--both-ways", action="store_true", help="learn the other direction from them too")
    parser.add_argument(
        "--validation",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="what to measure on, given as --pairs; without, 5 %% of the pairs, at most 1,000, are set apart",
    )
    add_output(parser)
    add_start_from(parser)
    add_training(parser, "pairs")


def run(options: argparse.Namespace) -> int:
    """Train a translator; returns the exit status."""
    _check(options)
    from translation.training import train_translator

    recipe, chosen = _recipe(options)
    return run_training(train_translator, recipe, resume=options.resume, chosen=chosen)


def _check(options: argparse.Namespace) -> None:
    """What the parser cannot know to be wrong."""
    if options.config is None and not options.pairs:
        options.usage("give a recipe, CONFIG.toml, or the --pairs to learn from")
    for flag, files in (("--pairs", options.pairs), ("--validation", options.validation)):
        if not files:
            continue
        if recipes := [file for file in files if file.suffix == ".toml"]:
            options.usage(f"{flag}: {recipes[0]} seems to be a recipe; name it before the flags")
        if len(files) > 2:
            options.usage(f"{flag}: one or two files, got {len(files)}")
        if not (options.source and options.target):
            options.usage(f"{flag} needs --from and --to, the languages of its sentences")


def _recipe(options: argparse.Namespace) -> tuple[TranslatorRecipe, str]:
    """The recipe, and what in it was chosen for the number of pairs, in words."""
    from common.config import read_recipe
    from translation.recipe import TranslatorRecipe

    where = str(options.config or "inwords train translator")
    values = read_recipe(options.config or OWN_PAIRS, options.set)
    for name in ("pairs", "validation"):
        if files := getattr(options, name):
            values[name] = [_pair_files(files, options)]
    given_settings(options, values)
    recipe, count = sized_recipe(TranslatorRecipe, values, where, "pairs", _count)
    if count is None:
        return recipe, ""
    training = recipe.training
    return recipe, (
        f"{count:,} pairs, so training.epochs={training.epochs} at most, "
        f"training.learning_rate={training.learning_rate:g}, model.dropout={recipe.model.dropout:g} "
        f"(--set changes them)"
    )


def _count(recipe: TranslatorRecipe) -> int:
    """The pairs to learn from."""
    return sum(len(files.read()) for files in recipe.pairs)


def _pair_files(files: Sequence[Path], options: argparse.Namespace) -> dict[str, Any]:
    """Settings for :class:`translation.recipe.PairFiles`."""
    return {
        "source": str(files[0]),
        **({"target": str(files[1])} if len(files) == 2 else {}),
        "source_language": options.source,
        "target_language": options.target,
        "both_ways": options.both_ways,
    }

"""``inwords train language-model``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.train_command import add_output, add_training, given_settings, run_training

if TYPE_CHECKING:
    from common.generation.recipe import LanguageModelRecipe

KINDS = ("character", "word", "byte-pair")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="TEXT|RECIPE.toml",
        help="a plain text to learn from, such as a book, with settings that suit its length; or a recipe",
    )
    parser.add_argument(
        "--tokens",
        choices=KINDS,
        help="what it reads and writes at once (default: character; words that come once are left out)",
    )
    add_output(parser, "; for a text without a recipe runs/NAME if not given")
    add_training(parser, "text")


def run(options: argparse.Namespace) -> int:
    """Train and print where the model is."""
    from common.config import apply_overrides, build, read_recipe
    from common.generation.recipe import LanguageModelRecipe
    from common.generation.text import read_corpus
    from common.generation.training import train_language_model

    is_recipe = options.source.suffix == ".toml"
    text = "" if is_recipe else read_corpus(options.source)
    values = read_recipe(options.source) if is_recipe else _fitting(options, len(text))
    if options.tokens:
        values.setdefault("model", {})["tokens"] = options.tokens
    given_settings(options, values)
    apply_overrides(values, options.set)
    recipe = build(LanguageModelRecipe, values, str(options.source))
    chosen = "" if is_recipe else _chosen(recipe, len(text))
    text = text if recipe.text == options.source and text else read_corpus(recipe.text)
    return run_training(train_language_model, recipe, text, resume=options.resume, chosen=chosen)


def _fitting(options: argparse.Namespace, characters: int) -> dict[str, Any]:
    """Settings that suit a text of so many characters."""
    from common.config import as_values
    from common.generation.recipe import fitting_recipe

    output = Path("runs") / options.source.name.partition(".")[0]
    return as_values(fitting_recipe(options.source, output, characters, options.tokens or "character"))


def _chosen(recipe: LanguageModelRecipe, characters: int) -> str:
    """What was chosen for a text, in words."""
    model, training = recipe.model, recipe.training
    return (
        f"{recipe.text}: {characters:,} characters, read by {model.tokens}, so model.hidden_size="
        f"{model.hidden_size}, model.dropout={model.dropout:g}, window={recipe.window}, windows_per_batch="
        f"{recipe.windows_per_batch}, training.epochs={training.epochs} at most (--set changes them)"
    )

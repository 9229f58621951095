"""``inwords train language-model``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.cli import report, report_trained
from common.flags import add_settings

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
    parser.add_argument("--epochs", type=int, metavar="N", help="how often to read the text")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for the model (best/), curves.png, metrics.jsonl and the checkpoint; "
        "for a text without a recipe runs/NAME if not given",
    )
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Train and print where the model is."""
    from common.config import apply_overrides, build, read_recipe
    from common.generation.recipe import LanguageModelRecipe
    from common.generation.text import read_corpus
    from common.generation.training import train_language_model
    from common.workers import Workers

    is_recipe = options.source.suffix == ".toml"
    text = "" if is_recipe else read_corpus(options.source)
    values = read_recipe(options.source) if is_recipe else _fitting(options, len(text))
    for section, name, given in (
        ("model", "tokens", options.tokens),
        ("training", "epochs", options.epochs),
    ):
        if given is not None:
            values.setdefault(section, {})[name] = given
    if options.output:
        values["output"] = str(options.output)
    apply_overrides(values, options.set)
    recipe = build(LanguageModelRecipe, values, str(options.source))
    if not is_recipe:
        Workers.join().only_first(report)(_chosen(recipe, len(text)))
    text = text if recipe.text == options.source and text else read_corpus(recipe.text)
    report_trained(train_language_model(recipe, text, resume=options.resume, report=report))
    return 0


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

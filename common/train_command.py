"""``inwords train language-model``."""

from __future__ import annotations

import argparse

from common.cli import report, report_trained
from common.flags import add_recipe


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_recipe(parser)


def run(options: argparse.Namespace) -> int:
    """Train by the recipe and print where the model is."""
    from common.config import build, read_recipe
    from common.language_model_training import LanguageModelRecipe, train_language_model
    from common.text import read_corpus

    recipe = build(LanguageModelRecipe, read_recipe(options.config, options.set), str(options.config))
    text = read_corpus(recipe.text)
    report_trained(train_language_model(recipe, text, resume=options.resume, report=report))
    return 0

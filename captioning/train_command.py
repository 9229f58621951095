"""``inwords train captioner``."""

from __future__ import annotations

import argparse

from common.cli import report, report_trained
from common.flags import add_recipe


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_recipe(parser)


def run(options: argparse.Namespace) -> int:
    """Train by the recipe and print where the model is."""
    from captioning.recipe import CaptionerRecipe
    from captioning.training import train_captioner
    from common.config import build, read_recipe

    recipe = build(CaptionerRecipe, read_recipe(options.config, options.set), str(options.config))
    report_trained(train_captioner(recipe, resume=options.resume, report=report))
    return 0

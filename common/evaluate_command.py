"""``inwords evaluate text``: how well a language model foresees a text."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.flags import BUILT_IN, signature


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a plain text")
    parser.add_argument(
        "--last",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="measure only this last share of it, such as 0.1 (default: all)",
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )


def run(options: argparse.Namespace) -> int:
    """Measure the text and print what came out."""
    from common.language_model import LanguageModel
    from common.text import read_corpus, split_corpus

    if not 0 < options.last <= 1:
        options.usage(f"--last must be above 0 and at most 1, got {options.last}")
    _, text = split_corpus(read_corpus(options.file), options.last)
    if not text:
        options.usage(f"--last {options.last} leaves nothing of {options.file}")
    model = LanguageModel.load(options.model)
    print(model.measure(text))
    weights = signature(options.model or BUILT_IN)
    print(f"measured on {len(text):,} characters, state carried from the first to the last|model:{weights}")
    return 0

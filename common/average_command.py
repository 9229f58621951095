"""``inwords average``: one model of several."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Average the weights of models that were trained apart, with other seeds or other data, from the "
        "same one (--start-from): one model, as fast as each of them, and often better than any. All but the "
        "weights, such as the words that a translator knows or the photographs that a captioner asks, is as "
        "in the first; a token is written in a language if it is in all. Choose the shares on a "
        "development set."
    )
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="the models' folders")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="where to put their mean")
    parser.add_argument(
        "--shares",
        nargs="+",
        type=float,
        metavar="N",
        help="how much each counts, in order (default: equally)",
    )
    parser.add_argument(
        "--storage",
        choices=("float32", "bfloat16", "int8"),
        default="bfloat16",
        help="how to keep the weights: 4, 2 or 1 bytes each (default: bfloat16)",
    )


def run(options: argparse.Namespace) -> int:
    """Average and print where the model is."""
    from common.averaging import average_models

    shares = options.shares or [1.0] * len(options.models)
    average_models(options.models, shares, options.output, options.storage)
    print(options.output)
    return 0

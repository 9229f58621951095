"""Flags that commands of captioning share."""

from __future__ import annotations

import argparse
from pathlib import Path

BUILT_IN = Path(__file__).parent / "pretrained"
"""The built-in captioner."""


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model`` and ``--language``."""
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    parser.add_argument("--language", metavar="CODE", help="of the captions, if the model writes several")

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


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads``; see :func:`use_threads`."""
    parser.add_argument(
        "--threads",
        type=_number_of_threads,
        metavar="N",
        help="threads to compute with, and to read pictures with; without, as many as suit this machine",
    )


def use_threads(options: argparse.Namespace) -> None:
    """Let PyTorch compute with as many threads as asked for."""
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)


def _number_of_threads(text: str) -> int:
    if text.isdecimal() and len(text) < 5 and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 9999, got {text}")

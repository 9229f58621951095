"""``inwords evaluate text``: how well a language model foresees a text, and where it does not."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from common.flags import signature
from common.generation.flags import BUILT_IN
from common.output import json_line
from common.threads import add_threads

if TYPE_CHECKING:
    from common.generation.score import TextScore
    from common.generation.surprisal import Passage


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a plain text, of any length; may be gzip")
    parser.add_argument(
        "--last",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="measure only this last share of it, such as 0.1 (default: all)",
    )
    parser.add_argument(
        "--passages",
        type=int,
        default=5,
        metavar="N",
        help="show the N passages that surprise the model most (default: 5; 0 shows none)",
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="text (the default), or one JSON object"
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    add_threads(parser)


def run(options: argparse.Namespace) -> int:
    """Measure the text and print what came out."""
    if not 0 < options.last <= 1:
        options.usage(f"--last must be above 0 and at most 1, got {options.last}")
    if options.passages < 0:
        options.usage(f"--passages must be 0 or more, got {options.passages}")
    from common.generation.model import LanguageModel
    from common.generation.surprisal import evaluate_text
    from common.generation.text import read_pieces

    model = LanguageModel.load(options.model)
    score, passages = evaluate_text(model, read_pieces(options.file, options.last), options.passages)
    show = _print_json if options.format == "json" else _print_text
    show(score, passages, signature(options.model or BUILT_IN))
    return 0


def _print_text(score: TextScore, passages: Sequence[Passage], weights: str) -> None:
    print(score)
    print(
        f"measured on {score.characters:,} characters, state carried from the first to the last"
        f"|model:{weights}"
    )
    if passages:
        print("\nmost surprising (nats a character):")
    for passage in passages:
        print(f"{passage.nats_per_character:.2f}  line {passage.line:,}: {_readable(passage.text)}")


def _print_json(score: TextScore, passages: Sequence[Passage], weights: str) -> None:
    finite = math.isfinite(score.word_perplexity)
    record = {
        "nats_per_character": score.nats_per_character,
        "bits_per_character": score.bits_per_character,
        "perplexity": score.perplexity,
        "word_perplexity": score.word_perplexity if finite else None,  # JSON knows no infinity
        **{name: getattr(score, name) for name in ("tokens", "characters", "words", "unknown")},
        "model": weights,
        "passages": [asdict(passage) for passage in passages],
    }
    print(json_line(record))


def _readable(text: str) -> str:
    """The text on one line, with control characters as a programmer writes them."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)

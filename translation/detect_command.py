"""``inwords detect``: the language of texts, each by itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from common.bulk import BulkOutput, Item, merge, progress, read_items
from common.cli import report
from common.output import add_output, open_output
from common.threads import add_threads
from translation.flags import items_of
from translation.lines import BATCH

if TYPE_CHECKING:
    from translation.detection import Detection
    from translation.model import Translator


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "text", nargs="*", metavar="TEXT", help="texts; without, the lines of --input or standard input"
    )
    parser.add_argument(
        "--input", type=Path, metavar="FILE", help="a file, plain or gzip, text by text a line"
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a translator's directory instead of the built-in one"
    )
    add_output(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> int:
    """Write LANGUAGE<TAB>PROBABILITY for each text; 1 if a line could not be read."""
    if options.text and options.input:
        options.usage("give TEXT or --input, not both")
    from translation.model import Translator

    translator = Translator.load(options.model)
    items = items_of(options.text) if options.text else read_items(options.input)
    failed = 0
    with open_output(options.output) as file:
        output = BulkOutput(file)
        for item, found in progress(_detect(translator, items), options.input, output):
            if item.error:
                failed += 1
                report(f"error: line {item.number}: {item.error}")
            additions = {"language": found.language, "probability": round(found.probability, 4)}
            if options.format == "jsonl":
                output.write([merge(item, {"text": item.text} | additions)])
            else:
                output.write([f"{found.language}\t{found.probability:.4f}"])
    return 1 if failed else 0


def _detect(translator: Translator, items: Iterator[Item]) -> Iterator[tuple[Item, Detection]]:
    while batch := list(islice(items, BATCH)):
        found = translator.detect(["" if item.error else item.text for item in batch])
        yield from zip(batch, found, strict=True)

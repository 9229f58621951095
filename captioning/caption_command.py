"""``inwords caption``: photographs, in words."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioning.bulk import BATCH, Found, caption_all
from captioning.photographs import find_photographs
from common.cli import report
from common.decoding import add_constraints, add_decoding, chosen_constraints, chosen_strategy
from common.errors import InputError
from common.output import add_output, json_line, open_output, texts_of

if TYPE_CHECKING:
    from common.result import Result


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "photographs", nargs="+", type=Path, metavar="PHOTO", help="picture files, or folders of them"
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    parser.add_argument("--language", metavar="CODE", help="of the captions, if the model writes several")
    add_output(parser)
    add_decoding(parser, "--beam 3")
    add_constraints(parser)


def run(options: argparse.Namespace) -> int:
    """Caption what was given, write it, and report what went wrong; 1 if a photograph did."""
    from tqdm import tqdm

    from captioning.model import USUAL, Captioner

    strategy, constraints = chosen_strategy(options, USUAL), chosen_constraints(options)
    items = list(_found(options.photographs))
    captioner = Captioner.load(options.model)
    language = options.language or captioner.config.languages[0]
    captioner.language_tag(language)
    failed = 0
    with open_output(options.output) as file:
        # Names help a person who looks at many; a program that reads lines wants one caption on each.
        named = len(items) > 1 and file.isatty()
        results = caption_all(captioner, items, strategy, language, constraints)
        bar = tqdm(results, total=len(items), unit="photo", disable=None if len(items) > BATCH else True)
        for path, result in bar:
            if isinstance(result, InputError):
                failed += 1
                report(f"error: {result}")
            if options.format == "jsonl":
                print(json_line(_record(path, result, language, options.count)), file=file)
                continue
            for text in texts_of(result, options.count):
                print(f"{path}\t{text}" if named else text, file=file)
    if failed and len(items) > 1:
        report(f"{failed} of {len(items)} photographs could not be captioned")
    return 1 if failed else 0


def _found(arguments: Sequence[Path]) -> Iterator[Found]:
    """The photographs that the arguments name; a folder without any comes with its error."""
    for argument in arguments:
        try:
            for path in find_photographs([argument]):
                yield path, None
        except InputError as error:
            yield argument, error


def _record(path: Path, result: Result | InputError, language: str, count: int) -> dict[str, Any]:
    if isinstance(result, InputError):
        return {"image": str(path), "error": str(result)}
    record = {
        "image": str(path),
        "caption": result.text,
        "score": round(result.score, 4),
        "language": language,
    }
    if count > 1:
        record["alternatives"] = [_record(path, each, language, 1) for each in result.alternatives]
    return record

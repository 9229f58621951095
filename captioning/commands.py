"""The commands of captioning."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioning.photographs import find_photographs
from common.cli import Application, Command
from common.commands import add_recipe, report, report_trained, signature
from common.decoding import (
    add_constraints,
    add_decoding,
    chosen_constraints,
    chosen_strategy,
    describe,
    items_at_once,
)
from common.errors import InputError
from common.output import add_output, json_line, open_output, texts_of

if TYPE_CHECKING:
    from captioning.model import Captioner
    from common.constraints import Constraints
    from common.result import Result
    from common.search import Strategy

BUILT_IN = Path(__file__).parent / "pretrained"
_BATCH = 32

Found = tuple[Path, InputError | None]
"""A photograph, and why there is none at that path if that is known before reading it."""


def _configure_caption(parser: argparse.ArgumentParser) -> None:
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


def _caption(options: argparse.Namespace) -> int:
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
        bar = tqdm(results, total=len(items), unit="photo", disable=None if len(items) > _BATCH else True)
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


def caption_all(
    captioner: Captioner,
    photographs: Iterable[Found],
    strategy: Strategy,
    language: str,
    constraints: Constraints,
) -> Iterator[tuple[Path, Result | InputError]]:
    """Caption any number of files, a batch at a time, each result beside its path, in order.

    A file that cannot be read has its error as its result.
    """
    import numpy as np
    import torch

    remaining, size, first = iter(photographs), items_at_once(strategy, _BATCH), 0
    while batch := list(islice(remaining, size)):
        results: list[Result | InputError | None] = [None] * len(batch)
        pixels, places = [], []
        for place, (path, error) in enumerate(batch):
            try:
                if error:
                    raise error
                pixels.append(captioner.pixels(path))
                places.append(place)
            except InputError as bad:
                results[place] = bad
        if places:
            # Numbered by their place in the input, so that samples do not depend on bad files before.
            captions = captioner.caption_pixels(
                torch.from_numpy(np.stack(pixels)),
                strategy,
                language=language,
                constraints=constraints,
                items=[first + p for p in places],
            )
            for place, caption in zip(places, captions, strict=True):
                results[place] = caption
        for (path, _), result in zip(batch, results, strict=True):
            assert result is not None
            yield path, result
        first += len(batch)


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


def _configure_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of the photographs")
    parser.add_argument(
        "--references",
        type=Path,
        required=True,
        metavar="FILE",
        help="their captions: Flickr8k token file, COCO or Karpathy JSON, CSV, TSV or JSONL",
    )
    parser.add_argument("--names", type=Path, metavar="FILE", help="measure on the images named there only")
    parser.add_argument("--split", metavar="NAME", help="measure on this split of a Karpathy file only")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    parser.add_argument("--language", metavar="CODE", help="of the captions, if the model writes several")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the captions there, one a line")
    add_decoding(parser, "--beam 3")


def _evaluate(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from captioning.model import USUAL, Captioner
    from common.constraints import Constraints
    from common.metrics import caption_scores
    from data.captions import read_captions

    strategy = chosen_strategy(options, USUAL)
    if not options.images.is_dir():
        raise InputError(f"{options.images}: no such folder; give that of the photographs as --images")
    records = read_captions(options.references, options.images, names=options.names, split=options.split)
    captioner = Captioner.load(options.model)
    language = options.language or captioner.config.languages[0]
    captioner.language_tag(language)
    photographs = [(record.image, None) for record in records]
    results = caption_all(captioner, photographs, strategy, language, Constraints())
    captions, references = [], []
    with open_output(options.output) if options.output else nullcontext() as file:
        bar = tqdm(results, total=len(records), unit="photo", disable=None)
        for record, (_, result) in zip(records, bar, strict=True):
            if file:
                print(*texts_of(result, 1), file=file)
            if isinstance(result, InputError):
                report(f"error: {result}")
                continue
            captions.append(result.text)
            references.append(record.captions)
    if not captions:
        raise InputError(
            f"{options.images}: none of the {len(records)} photographs could be read; check --images"
        )
    print(caption_scores(captions, references))
    print(f"{len(captions)} photographs|{describe(strategy)}|model:{signature(options.model or BUILT_IN)}")
    return 1 if len(captions) < len(records) else 0


def _train(options: argparse.Namespace) -> int:
    from captioning.recipe import CaptionerRecipe
    from captioning.training import train_captioner
    from common.config import build, read_recipe

    recipe = build(CaptionerRecipe, read_recipe(options.config, options.set), str(options.config))
    report_trained(train_captioner(recipe, resume=options.resume, report=report))
    return 0


APPLICATION = Application(
    commands=(
        Command(("caption",), "describe photographs", _configure_caption, _caption),
        Command(("evaluate", "captions"), "BLEU-1 to 4, CIDEr-D, sacreBLEU", _configure_evaluate, _evaluate),
        Command(("train", "captioner"), "train a captioner on photographs and captions", add_recipe, _train),
    ),
    built_in=BUILT_IN,
)

"""``inwords evaluate captions``."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path

from captioning.bulk import caption_all
from captioning.flags import BUILT_IN
from common.cli import report
from common.decoding import add_decoding, chosen_strategy, describe
from common.errors import InputError
from common.flags import signature
from common.output import open_output, texts_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
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


def run(options: argparse.Namespace) -> int:
    """Caption the photographs, measure the captions and print the scores; 1 if a photograph failed."""
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

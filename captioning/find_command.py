"""``inwords find``: the photographs that a sentence describes best."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioning.bulk import BATCH
from captioning.flags import BUILT_IN
from captioning.folders import Found, find_photographs
from common.cli import report
from common.errors import InputError
from common.flags import signature
from common.output import add_output, json_line, one_line, open_output
from common.threads import add_threads

if TYPE_CHECKING:
    from captioning.index import Index
    from captioning.model import Captioner


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Find the photographs that a sentence describes best. Writes their gain and name, the best "
        "first: how much larger the sentence's natural log-probability is beside the photograph than "
        "beside one of these photographs at random (0 is no better than chance) or, where there are "
        "fewer than 32, than without a photograph."
    )
    parser.add_argument("caption", metavar="TEXT", help="a sentence, such as 'a dog in the snow'")
    parser.add_argument(
        "photographs", nargs="+", type=Path, metavar="FOLDER", help="folders of pictures, or picture files"
    )
    parser.add_argument("--top", type=int, default=10, metavar="N", help="how many to name (default 10)")
    parser.add_argument(
        "--index",
        type=Path,
        metavar="FILE",
        help="keep there what the model has seen, so that the next search with it takes seconds; "
        "photographs that are new or changed are looked at again",
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    parser.add_argument("--language", metavar="CODE", help="of the sentence, if the model writes several")
    add_output(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> int:
    """Write the best photographs; 1 if one could not be read."""
    if options.top < 1:
        options.usage(f"--top must be at least 1, got {options.top}")
    import torch

    from captioning.index import open_index
    from captioning.matching import caption_ids, gains, read_blindly, sums
    from captioning.model import Captioner

    photographs = list(find_photographs(options.photographs))
    captioner = Captioner.load(options.model or BUILT_IN)
    captioner.language_tag(options.language)
    ids = caption_ids(captioner, [options.caption])
    directory = options.model or BUILT_IN
    paths, scores, failed = [], [], 0
    with open_index(options.index, signature(directory)) if options.index else nullcontext() as index:
        for path, score in _score_all(captioner, photographs, ids[0], options.language, index):
            if isinstance(score, InputError):
                failed += 1
                report(f"error: {score}")
            else:
                paths.append(path)
                scores.append(score)
    if failed and paths:
        report(f"{failed} of {len(photographs)} photographs could not be read")
    blind = sums([read_blindly(captioner, ids, options.language)])[0]
    found = gains(torch.tensor(scores).unsqueeze(1), blind)[:, 0].tolist() if paths else []
    best = sorted(range(len(paths)), key=lambda place: -found[place])[: options.top]
    with open_output(options.output) as file:
        for place in best:
            record = {
                "image": str(paths[place]),
                "gain": round(found[place], 4),
                "score": round(scores[place], 4),
            }
            print(json_line(record) if options.format == "jsonl" else _line(record), file=file)
    return 1 if failed else 0


def _line(record: dict[str, Any]) -> str:
    return f"{record['gain']:.4f}\t{one_line(record['image'])}"


def _score_all(
    captioner: Captioner, photographs: list[Found], ids: list[int], language: str | None, index: Index | None
) -> Iterator[tuple[Path, float | InputError]]:
    """The log-probability of the caption beside each photograph, in order, with a progress bar."""
    from tqdm import tqdm

    from captioning.index import encode_photographs
    from captioning.matching import Encoded, read_beside, sums

    hidden = None if len(photographs) > BATCH else True
    results = encode_photographs(captioner, photographs, index)
    bar = tqdm(results, total=len(photographs), unit="photo", disable=hidden)
    while batch := list(islice(bar, 4 * BATCH)):
        encoded = [each for _, each in batch if isinstance(each, Encoded)]
        scores: Iterator[float] = iter(())
        if encoded:
            joined = Encoded.join(encoded)
            scores = iter(sums(read_beside(captioner, joined, [ids], language))[:, 0].tolist())
        for path, each in batch:
            yield path, each if isinstance(each, InputError) else next(scores)

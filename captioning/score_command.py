"""``inwords score caption``, or just ``inwords score``: how well given captions fit photographs."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioning.bulk import BATCH
from captioning.flags import BUILT_IN
from captioning.folders import Found, find_photographs
from common.cli import report
from common.errors import InputError
from common.output import add_output, json_line, one_line, open_output
from common.threads import add_threads

if TYPE_CHECKING:
    from captioning.model import Captioner
    from common.reading import Reading

_HEADER = "score\tper_token\tgain\timage\tcaption"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "How probable captions are beside photographs. Writes for each photograph and caption the "
        "caption's natural log-probability (score), that divided by its number of tokens with its end "
        "(per_token), and how much larger the log-probability is beside the photograph than without "
        "one (gain). Compare captions of one photograph by their gain, so that what is said often has "
        "no advantage, and photographs for one caption by any of the three."
    )
    parser.add_argument(
        "photographs", nargs="+", type=Path, metavar="PHOTO", help="picture files, or folders of them"
    )
    parser.add_argument(
        "--caption",
        action="append",
        required=True,
        metavar="TEXT",
        dest="captions",
        help="what may be seen; may be repeated",
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    parser.add_argument("--language", metavar="CODE", help="of the captions, if the model writes several")
    add_output(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> int:
    """Write the scores of each caption beside each photograph; 1 if a photograph could not be read."""
    from tqdm import tqdm

    from captioning.matching import caption_ids, read_blindly
    from captioning.model import Captioner

    photographs = list(find_photographs(options.photographs))
    captioner = Captioner.load(options.model or BUILT_IN)
    captioner.language_tag(options.language)
    ids = caption_ids(captioner, options.captions)
    blind = [_score(reading) for reading in read_blindly(captioner, ids, options.language)]
    failed = 0
    with open_output(options.output) as file:
        if options.format == "text":
            print(_HEADER, file=file)
        results = _read_all(captioner, photographs, ids, options.language)
        hidden = None if len(photographs) > BATCH else True
        for path, readings in tqdm(results, total=len(photographs), unit="photo", disable=hidden):
            if isinstance(readings, InputError):
                failed += 1
                report(f"error: {readings}")
                if options.format == "jsonl":
                    print(json_line({"image": str(path), "error": str(readings)}), file=file)
                continue
            for caption, reading, without in zip(options.captions, readings, blind, strict=True):
                record = _record(captioner, path, caption, reading, without)
                print(json_line(record) if options.format == "jsonl" else _line(record), file=file)
    return 1 if failed else 0


def _read_all(
    captioner: Captioner, photographs: list[Found], ids: list[list[int]], language: str | None
) -> Iterator[tuple[Path, list[Reading] | InputError]]:
    """The readings of all captions beside each photograph, in order."""
    from captioning.index import encode_photographs
    from captioning.matching import read_beside

    for path, encoded in encode_photographs(captioner, photographs):
        if isinstance(encoded, InputError):
            yield path, encoded
        else:
            yield path, read_beside(captioner, encoded, ids, language)[0]


def _score(reading: Reading) -> float:
    return float(reading.log_probabilities.sum())


def _record(
    captioner: Captioner, path: Path, caption: str, reading: Reading, without: float
) -> dict[str, Any]:
    values = reading.log_probabilities.tolist()
    score = sum(values)
    return {
        "image": str(path),
        "caption": caption,
        "score": round(score, 4),
        "per_token": round(score / len(values), 4),
        "gain": round(score - without, 4),
        "tokens": captioner.tokenizer.pieces(reading.ids),
        "probabilities": [round(math.exp(value), 4) for value in values],
    }


def _line(record: dict[str, Any]) -> str:
    figures = "\t".join(f"{record[name]:.4f}" for name in ("score", "per_token", "gain"))
    return f"{figures}\t{one_line(record['image'])}\t{one_line(record['caption'])}"

"""``inwords caption``: photographs, in words."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioning.bulk import caption_all
from captioning.flags import add_model
from captioning.folders import find_photographs
from captioning.inputs import Photograph, given_photographs, listed_photographs, same_as_before
from captioning.photographs import printable
from common.bulk import BulkOutput, Item, add_files, merge, open_bulk_output, progress
from common.cli import report
from common.decoding import add_constraints, add_decoding, chosen_constraints, chosen_strategy
from common.errors import InputError
from common.output import part_of, texts_of
from common.page import check_path
from common.threads import add_threads

if TYPE_CHECKING:
    from captioning.companions import Companions
    from common.result import Result

EXAMPLES = """\
examples:
  inwords caption photo.jpg
  inwords caption holiday/ --output captions.txt           all pictures below a folder, one caption a line
  inwords caption holiday/ --format jsonl --output captions.jsonl
      one record a line: image, caption, score (log-probability), language; or image and error.
      After an interruption the same command with --resume goes on where it stopped
  inwords caption photo.jpg --explain why.html             where it looked for each word, and its rivals
  inwords caption holiday/ --gallery holiday.html          a page with thumbnails and a search box
  inwords caption holiday/ --write-xmp                     a sidecar file beside each photograph
  inwords caption photo.jpg --count 5                      five that are no near-duplicates of each other
  inwords caption photo.jpg --count 5 --temperature 0.8    more daring ones
  inwords caption photo.jpg --prefix "a dog" --ban snow --max-length 12
  curl -s https://example.org/photo.jpg | inwords caption -
  find . -name '*.jpg' -mtime -7 | inwords caption --input - --format jsonl
  inwords caption --input album.jsonl --field photo        records, whose other fields stay
  inwords caption --format jsonl holiday/ | inwords translate --field caption --from en --to fr

A picture is turned as its EXIF data say and squashed to a square, as those were that the model has learned
from. Of one that is more than twice as wide as high, or as high as wide, the middle is looked at.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "photographs",
        nargs="*",
        type=Path,
        metavar="PHOTO",
        help="picture files, folders of them (with all below), patterns in quotes, or - for the bytes of one "
        "picture on standard input",
    )
    add_files(
        parser,
        what="caption the pictures whose paths are the lines of a file",
        field="the input is JSONL with the path in this field (without, image in a file named .jsonl)",
    )
    add_model(parser)
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="FILE",
        help="draw where the model looked for each word into a .html, .png or .svg",
    )
    parser.add_argument(
        "--gallery", type=Path, metavar="FILE.html", help="write one page with all photographs and captions"
    )
    parser.add_argument(
        "--write-xmp",
        action="store_true",
        help="write each caption into photo.jpg.xmp, which photo managers read; photo.jpg stays as it is",
    )
    add_threads(parser)
    add_decoding(parser, "--beam 3")
    add_constraints(parser)


def run(options: argparse.Namespace) -> int:
    """Caption what was given, write it, and report what went wrong; 1 if a photograph did."""
    _check(options)
    from captioning.companions import companions
    from captioning.explaining import check
    from captioning.model import USUAL, Captioner

    strategy, constraints = chosen_strategy(options, USUAL), chosen_constraints(options)
    captioner = Captioner.load(options.model)
    options.language = options.language or captioner.config.languages[0]
    captioner.language_tag(options.language)
    if options.explain:
        check(captioner, sum(1 for _ in find_photographs(options.photographs)))
    lines = 1 if options.format == "jsonl" else options.count
    with (
        open_bulk_output(
            options.output, lines_per_item=lines, resume=options.resume, report=report
        ) as output,
        companions(
            captioner,
            options.language,
            gallery=options.gallery,
            sidecars=options.write_xmp,
            explain=options.explain,
        ) as beside,
    ):
        todo, again = tee(output.remaining(_photographs(options, output.done)))
        results = caption_all(
            captioner,
            ((source, item.error) for item, source in todo),
            strategy,
            options.language,
            constraints,
            readers=options.threads,
            look=beside.look,
            first=output.done,
        )
        named = zip(again, (result for _, result in results), strict=True)
        return _write(options, named, output, beside)


def _check(options: argparse.Namespace) -> None:
    """End with a usage error if the flags do not go together; records in are records out."""
    if not options.photographs and not options.input:
        options.usage("the following arguments are required: PHOTO, or --input")
    if options.photographs and (options.input or options.field):
        options.usage(f"give PHOTO or --{'input' if options.input else 'field'}, not both")
    if options.explain:
        check_path(options.explain)
        if not options.photographs or options.resume:
            options.usage("--explain draws some photographs at once: give them as PHOTO, without --resume")
    if options.gallery and options.resume:
        options.usage("--gallery shows all photographs: leave --resume out")
    if options.input and options.input.name.removesuffix(".gz").endswith(".jsonl"):
        options.field = options.field or "image"
    if options.field:
        options.format = "jsonl"


def _photographs(options: argparse.Namespace, done: int) -> Iterator[Photograph]:
    """What is to be captioned; in records it can be told whether it is what an interrupted run has begun."""
    if options.input:
        found = listed_photographs(options.input, options.field)
    else:
        found = given_photographs(options.photographs)
    part = part_of(options.output)
    return same_as_before(found, part, done) if part and options.format == "jsonl" else found


def _write(
    options: argparse.Namespace,
    outcomes: Iterable[tuple[Photograph, Result | InputError]],
    output: BulkOutput,
    beside: Companions,
) -> int:
    """Write each result as it comes, and what is made beside it, and report errors; the exit status."""
    # Names help a person who looks at many; a program that reads lines wants one caption on each.
    named = output.file.isatty() and not _is_one(options)
    failed = total = 0
    shown = ((item, (source, result)) for (item, source), result in outcomes)
    for item, (source, result) in progress(
        shown, options.input, output, unit="photo", count=_counter(options)
    ):
        total += 1
        if isinstance(result, InputError):
            failed += 1
            report(f"error: {f'{options.input}, line {item.number}: ' if options.input else ''}{result}")
        beside.add(item.text, source, result)
        if options.format == "jsonl":
            output.write([_record(options, item, result)])
        else:
            name = f"{printable(item.text)}\t" if named else ""
            output.write([name + text for text in texts_of(result, options.count)])
    if failed and total > 1:
        report(f"{failed:,} of {total:,} photographs could not be captioned")
    return 1 if failed else 0


def _is_one(options: argparse.Namespace) -> bool:
    """Whether a single file is named, no folder, pattern or list."""
    return len(options.photographs) == 1 and (
        str(options.photographs[0]) == "-" or options.photographs[0].is_file()
    )


def _counter(options: argparse.Namespace) -> Callable[[], int] | None:
    """How to count the photographs that the arguments name; None to count the lines of the input."""
    if options.input:
        return None
    return lambda: sum(1 for _ in find_photographs(options.photographs))


def _record(options: argparse.Namespace, item: Item, result: Result | InputError) -> str:
    source = {} if item.fields is not None else {"image": item.text}
    if isinstance(result, InputError):
        return merge(item, source | {"error": str(result)})
    additions: dict[str, Any] = source | _fields(result) | {"language": options.language}
    if options.count > 1:
        additions["alternatives"] = [_fields(each) for each in result.alternatives]
    kept = {name: value for name, value in (item.fields or {}).items() if name != "error"}
    return merge(replace(item, fields=kept), additions)


def _fields(result: Result) -> dict[str, Any]:
    return {"caption": result.text, "score": round(result.score, 4)}

"""``inwords evaluate captions``: scores of a model's captions, or of those in a file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from captioning.bulk import caption_all
from captioning.flags import BUILT_IN
from common.cli import report
from common.decoding import add_constraints, add_decoding, chosen_constraints, chosen_strategy, describe
from common.errors import InputError
from common.flags import changed_flags, signature
from common.output import open_output, texts_of
from common.threads import add_threads

if TYPE_CHECKING:
    from captioning.evaluation import Evaluation
    from data.records import CaptionedImage

Captions = list[str | InputError]
"""Of each photograph its caption, or why there is none."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    files = parser.add_argument_group("files")
    files.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="folder of the photographs; with --captions only for the pictures of --report",
    )
    files.add_argument(
        "--references",
        type=Path,
        required=True,
        metavar="FILE",
        help="their captions by people: Flickr8k token file, COCO or Karpathy JSON, CSV, TSV or JSONL",
    )
    files.add_argument("--names", type=Path, metavar="FILE", help="measure on the images named there only")
    files.add_argument("--split", metavar="NAME", help="measure on this split of a Karpathy file only")
    written = "one a line in the order of --names or else of the references, or JSONL with image and caption"
    files.add_argument(
        "--captions", type=Path, metavar="FILE", help=f"score these captions instead of a model's: {written}"
    )
    files.add_argument(
        "--compare",
        type=Path,
        metavar="FILE",
        help="another system's captions, written likewise; says which differences chance would not make "
        "(paired bootstrap)",
    )
    files.add_argument("--output", type=Path, metavar="FILE", help="write the captions there, one a line")
    files.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page with the worst and best photographs"
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    parser.add_argument(
        "--language", metavar="CODE", help="of the captions and references, if it is not the model's first"
    )
    parser.add_argument("--confidence", action="store_true", help="95 %% intervals of the scores (bootstrap)")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="lines of text (the default), or one JSON"
    )
    _add_search(parser)
    add_constraints(parser)
    add_threads(parser)


def _add_search(parser: argparse.ArgumentParser) -> None:
    # Of several captions only the best would be scored.
    add_decoding(parser, "--beam 3", several=False)


def run(options: argparse.Namespace) -> int:
    """Caption the photographs, or read their captions; score, print, and write what was asked for.

    Returns 1 if a photograph has no caption, of which the rest is measured.
    """
    from captioning.written import read_written
    from data.captions import read_captions

    _check(options)
    images = options.images or Path()
    records = read_captions(options.references, images, names=options.names, split=options.split)
    others = read_written(options.compare, records, images) if options.compare else None
    with ExitStack() as stack:
        page = stack.enter_context(open_output(options.report, option="--report")) if options.report else None
        file = stack.enter_context(open_output(options.output)) if options.output else None
        if options.captions:
            captions = read_written(options.captions, records, images)
            made: dict[str, Any] = {"language": options.language or "en"}
        else:
            captions, made = _caption(options, records, file)
        evaluation = _evaluate(options, records, captions, others, made)
        if page:
            from captioning.report import report as make_page

            page.write(make_page(evaluation))
    print(evaluation.as_json() if options.format == "json" else evaluation)
    return 1 if len(evaluation.captions) < len(records) else 0


def _check(options: argparse.Namespace) -> None:
    """End with an error if the flags do not go together or the folder is none."""
    if options.captions:
        given = [f"--{name}" for name in ("model", "output") if getattr(options, name)]
        if useless := [*given, *changed_flags(options, _add_search, add_constraints)]:
            options.usage(f"{useless[0]} has no effect with --captions: nothing is captioned")
    elif not options.images:
        options.usage("to caption photographs, give their folder as --images; to score a file, --captions")
    if options.images and not options.images.is_dir():
        raise InputError(f"{options.images}: no such folder; give that of the photographs as --images")


def _caption(
    options: argparse.Namespace, records: Sequence[CaptionedImage], file: TextIO | None
) -> tuple[Captions, dict[str, Any]]:
    """The model's captions, written into ``file`` too, and how they were made."""
    from tqdm import tqdm

    from captioning.model import USUAL, Captioner
    from common.search import Beam

    strategy, constraints = chosen_strategy(options, USUAL), chosen_constraints(options)
    captioner = Captioner.load(options.model)
    language = options.language or captioner.config.languages[0]
    captioner.language_tag(language)
    photographs = [(record.image, None) for record in records]
    results = caption_all(captioner, photographs, strategy, language, constraints)
    captions: Captions = []
    for _, result in tqdm(results, total=len(records), unit="photo", disable=None):
        (text,) = texts_of(result, 1)
        captions.append(result if isinstance(result, InputError) else text)
        if file:
            print(text, file=file)
    more = [f"{flag[2:]}:{value}" for flag, value in changed_flags(options, add_constraints).items()]
    asked = captioner.consensus is not None and isinstance(strategy, Beam)
    decoding = "|".join([describe(strategy), *["consensus"] * asked, *more])
    model = signature(options.model or BUILT_IN)
    return captions, {"language": language, "decoding": decoding, "model": model}


def _evaluate(
    options: argparse.Namespace,
    records: Sequence[CaptionedImage],
    captions: Captions,
    others: Captions | None,
    made: dict[str, Any],
) -> Evaluation:
    """Score the photographs that have a caption, and report those that have none."""
    from captioning.evaluation import Evaluation
    from captioning.scores import caption_scores, compare_captions
    from common.significance import SAMPLES

    for problem in (caption for caption in captions if isinstance(caption, InputError)):
        report(f"error: {problem}")
    rows = list(zip(records, captions, others or captions, strict=True))
    kept = [row for row in rows if isinstance(row[1], str) and isinstance(row[2], str)]
    if not kept:
        if options.captions:
            raise InputError(f"{options.captions}: none of the {len(records)} photographs has a caption")
        raise InputError(
            f"{options.images}: none of the {len(records)} photographs could be read; check --images"
        )
    references = [record.captions for record, _, _ in kept]
    texts, other_texts = [str(row[1]) for row in kept], [str(row[2]) for row in kept]
    samples = SAMPLES if options.confidence else 0
    named = {name: getattr(options, name) for name in ("images", "references", "captions", "compare")}
    what = {"photographs": len(kept)} | {name: str(value) for name, value in named.items() if value}
    return Evaluation(
        photographs=[record.image for record, _, _ in kept],
        captions=texts,
        references=references,
        scores=caption_scores(texts, references, samples=samples, language=made["language"]),
        made=what | made,
        others=other_texts if others else None,
        comparisons=compare_captions(texts, other_texts, references) if others else (),
    )

"""Download public collections: ``python -m data multi30k FOLDER`` or ``flickr8k FOLDER``.

A second call continues or, with everything there, only verifies. ``python -m data
sentences CAPTIONS --output FILE`` takes sentences in one language out of a file of
captions, ``python -m data pivot DE EN EN FR --output DE FR`` joins pairs with one
language in common, ``python -m data phrases FOLDER`` writes phrases of this project's
own. Standard output has the path of each file, ready to use; progress and figures go
to standard error.
"""

import argparse
import gzip
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.errors import InputError
from data.captions import read_named_captions
from data.download import download, unpack
from data.mirrors import MULTI30K_LANGUAGES, flickr8k, multi30k
from data.parallel import read_pairs
from data.phrases import LANGUAGES, phrases
from data.pivot import pivot
from data.sentences import count_words, read_photograph_ids, select_sentences


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for an error, 130 if interrupted."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "sentences":
            _write_sentences(options)
        elif options.command == "pivot":
            _write_pairs(options)
        elif options.command == "phrases":
            _write_phrases(options)
        elif options.command == "multi30k":
            for file in multi30k(options.languages):
                print(download(file, options.folder), flush=True)
        else:
            for file in flickr8k():
                archive = download(file, options.folder)
                unpack(archive, options.folder, {"Flicker8k_Dataset": "images"})  # its authors' spelling
                print(archive, flush=True)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command continues", file=sys.stderr)
        return 130
    return 0


def _write_sentences(options: argparse.Namespace) -> None:
    inputs = [options.captions, *options.without, *options.spelled_like]
    _check_outputs([options.output], inputs)
    captions = list(read_named_captions(options.captions))
    unwanted = {identity for path in options.without for identity in read_photograph_ids(path)}
    counts = sum((count_words(path) for path in options.spelled_like), Counter[str]())
    selection = select_sentences(
        captions,
        without=unwanted,
        spelled_like=counts if options.spelled_like else None,
        each=options.each,
    )
    reasons = ", ".join(f"{number} {reason}" for reason, number in selection.left_out.most_common())
    figures = f"kept {len(selection.sentences)} of {len(captions)} captions, left out {reasons or 'none'}"
    if not selection.sentences:
        raise InputError(f"{options.captions}: {figures}; nothing is left to write")
    _write_lines(options.output, selection.sentences)
    print(figures, file=sys.stderr)


def _write_pairs(options: argparse.Namespace) -> None:
    _check_outputs(options.output, options.files)
    source, pivoted, again, target = options.files
    first = read_pairs(source, pivoted, source_language="source", target_language="pivot")
    second = read_pairs(again, target, source_language="pivot", target_language="target")
    pairs = pivot(first, second)
    if not pairs:
        raise InputError(f"{pivoted} and {again} have no line in common; nothing is left to write")
    _write_lines(options.output[0], (pair.source for pair in pairs))
    _write_lines(options.output[1], (pair.target for pair in pairs))
    print(f"{len(pairs)} pairs of {len(first)} and {len(second)}", file=sys.stderr)


def _write_phrases(options: argparse.Namespace) -> None:
    made = phrases(options.each)
    for language, texts in zip(LANGUAGES, zip(*made, strict=True), strict=True):
        _write_lines(options.folder / f"phrases.{language}", texts)
    print(f"{len(made)} phrases", file=sys.stderr)


def _check_outputs(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    taken = [path.resolve() for path in inputs]
    for output in outputs:
        if output.resolve() in taken:
            raise InputError(f"{output} is read as well or written twice; choose another --output")
        taken.append(output.resolve())


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a file, compressed if it is named so, and say where it is."""
    content = "".join(line + "\n" for line in lines).encode()
    try:
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; choose another --output") from None
    print(path, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data",
        description="Download public collections; take sentences out of captions; join pairs.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in (
        ("multi30k", "sentences about photographs in English, German, French and Czech (3 MB)"),
        ("flickr8k", "8,000 photographs, five English captions each (1.1 GB, as much again unpacked)"),
    ):
        collection = commands.add_parser(name, help=summary, description=summary)
        collection.add_argument("folder", type=Path, metavar="FOLDER", help="where the files go")
    commands.choices["multi30k"].add_argument(
        "--languages",
        type=_languages,
        default=MULTI30K_LANGUAGES,
        help=f"comma-separated, of {','.join(MULTI30K_LANGUAGES)} (default: all)",
    )
    summary = "take the sentences of 4 to 40 words out of a file of captions, to translate them back"
    _add_sentences(commands.add_parser("sentences", help=summary, description=summary))
    summary = "write phrases of letters and of every day, in four languages"
    letters = commands.add_parser("phrases", help=summary, description=summary)
    letters.add_argument("folder", type=Path, metavar="FOLDER", help="where phrases.en, .de, .fr and .cs go")
    letters.add_argument(
        "--each", type=_count, metavar="N", default=10, help="how often each phrase with names (default: 10)"
    )
    summary = (
        "join two collections with one language in common: German-English, English-French gives German-French"
    )
    _add_pivot(commands.add_parser("pivot", help=summary, description=summary))
    return parser


def _add_pivot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        type=Path,
        nargs=4,
        metavar=("SOURCE", "PIVOT", "PIVOT", "TARGET"),
        help="two files that translate each other line by line, and two others",
    )
    parser.add_argument(
        "--output",
        type=Path,
        nargs=2,
        required=True,
        metavar=("SOURCE", "TARGET"),
        help="where the pairs go, one sentence a line; replaces the files",
    )


def _add_sentences(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "captions",
        type=Path,
        metavar="CAPTIONS",
        help="Flickr8k token file, COCO or Karpathy JSON, or CSV, TSV or JSONL with image and caption",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="one sentence a line; replaces the file"
    )
    parser.add_argument(
        "--without",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="LIST",
        help="leave out these photographs: one a line, known by what is before the first _ or . of its name",
    )
    parser.add_argument(
        "--spelled-like",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="leave out sentences whose capitals are not those of these texts, or with several unknown words",
    )
    parser.add_argument(
        "--each", type=_count, metavar="N", help="at most N sentences of a photograph (default: all)"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _languages(text: str) -> list[str]:
    languages = text.split(",")
    for language in languages:
        if language not in MULTI30K_LANGUAGES:
            raise argparse.ArgumentTypeError(
                f"unknown {language!r}; choose from {','.join(MULTI30K_LANGUAGES)}"
            )
    return languages


if __name__ == "__main__":
    sys.exit(main())

"""Download public collections: ``python -m data multi30k FOLDER`` or ``flickr8k FOLDER``.

Standard output has the path of each file, ready to use; progress goes to standard
error. A second call continues or, with everything there, only verifies.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.errors import InputError
from data.download import download, unpack
from data.mirrors import MULTI30K_LANGUAGES, flickr8k, multi30k


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for an error, 130 if interrupted."""
    options = _parser().parse_args(arguments)
    try:
        if options.collection == "multi30k":
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m data", description="Download public collections.")
    collections = parser.add_subparsers(dest="collection", required=True, metavar="COLLECTION")
    for name, summary in (
        ("multi30k", "sentences about photographs in English, German, French and Czech (3 MB)"),
        ("flickr8k", "8,000 photographs, five English captions each (1.1 GB, as much again unpacked)"),
    ):
        collection = collections.add_parser(name, help=summary, description=summary)
        collection.add_argument("folder", type=Path, metavar="FOLDER", help="where the files go")
    collections.choices["multi30k"].add_argument(
        "--languages",
        type=_languages,
        default=MULTI30K_LANGUAGES,
        help=f"comma-separated, of {','.join(MULTI30K_LANGUAGES)} (default: all)",
    )
    return parser


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

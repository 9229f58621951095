"""The flags that commands of translation share."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.bulk import Item
from common.decoding import chosen_constraints, chosen_strategy
from common.errors import InputError

if TYPE_CHECKING:
    from common.search import Strategy
    from translation.decoding import Decoding

BUILT_IN = Path(__file__).parent / "pretrained"


def add_languages(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add ``--from`` (as ``source``), ``--to`` (as ``target``) and ``--model``."""
    default, found_out = ("auto", ", or auto to have it found out (the default)") if required else (None, "")
    parser.add_argument(
        "--from", dest="source", default=default, metavar="LANGUAGE", help=f"such as de{found_out}"
    )
    parser.add_argument("--to", dest="target", required=required, metavar="LANGUAGE", help="such as en")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )


def add_coverage(parser: argparse.ArgumentParser) -> None:
    """Add ``--coverage-penalty``."""
    parser.add_argument(
        "--coverage-penalty",
        type=float,
        default=0.0,
        metavar="B",
        help="of a beam's translations prefer those that pass nothing over, such as 0.2",
    )


def chosen_decoding(options: argparse.Namespace, default: Strategy) -> Decoding:
    """How to translate, as the flags ask; ends with a usage error if they contradict each other."""
    from translation.decoding import Decoding

    strategy, constraints = chosen_strategy(options, default), chosen_constraints(options)
    try:
        return Decoding(strategy, constraints, options.coverage_penalty)
    except ValueError as error:
        name, rest = str(error).split(" ", 1)
        options.usage(f"--{name.replace('_', '-')} {rest}")
        raise  # not reached: a usage error ends the program


def items_of(texts: Sequence[str]) -> Iterator[Item]:
    """The texts of a command's arguments as items; one that is not valid Unicode has an error."""
    from translation.texts import check_unicode

    for number, text in enumerate(texts, start=1):
        try:
            check_unicode([text])
            yield Item(number, text)
        except InputError as error:
            yield Item(number, text, error=error)

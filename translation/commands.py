"""The commands of translation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.cli import Application, Command
from common.commands import add_recipe, report, signature
from common.decoding import add_decoding, chosen_strategy, describe, items_at_once
from common.errors import InputError
from common.output import add_output, json_line, one_line, open_output, texts_of

if TYPE_CHECKING:
    from common.result import Result
    from common.search import Strategy
    from translation.model import Translator

BUILT_IN = Path(__file__).parent / "pretrained"
_BATCH = 512

Line = tuple[str, InputError | None]
"""A line, and what is wrong with it if that is known before translating it."""


def _add_languages(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", required=True, metavar="LANGUAGE", help="such as de")
    parser.add_argument("--to", dest="target", required=True, metavar="LANGUAGE", help="such as en")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )


def _configure_translate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "text", nargs="*", metavar="TEXT", help="sentences; without, standard input, one sentence a line"
    )
    _add_languages(parser)
    add_output(parser)
    add_decoding(parser, "--beam 5")


def _translate(options: argparse.Namespace) -> int:
    from translation.model import USUAL, Translator

    strategy = chosen_strategy(options, USUAL)
    translator = Translator.load(options.model)
    translator.check_direction(options.source, options.target)
    if not options.text and sys.stdin is None:
        raise InputError("standard input is closed; give the sentences as TEXT")
    lines = ((one_line(text), None) for text in options.text) if options.text else _standard_input()
    # At a terminal each line is answered before the next is typed.
    batch = 1 if not options.text and sys.stdin.isatty() else _BATCH
    failed = 0
    with open_output(options.output) as file:
        results = translate_all(translator, lines, options.source, options.target, strategy, batch)
        for number, (line, result) in enumerate(results, start=1):
            if isinstance(result, InputError):
                failed += 1
                report(f"error: line {number}: {result}")
            if options.format == "jsonl":
                print(json_line(_record(line, result, options.count)), file=file, flush=batch == 1)
                continue
            # As many lines for each sentence as were asked for, so that a reader can count on it.
            print(*texts_of(result, options.count), sep="\n", file=file, flush=batch == 1)
    return 1 if failed else 0


def _standard_input() -> Iterator[Line]:
    """The lines of standard input; one that is not UTF-8 comes with its error."""
    for line in sys.stdin.buffer:
        try:
            yield line.decode("utf-8-sig").removesuffix("\n").removesuffix("\r"), None
        except UnicodeDecodeError:
            error = InputError("not UTF-8; convert the input first, for instance with iconv")
            yield one_line(line.decode(errors="replace")), error


def translate_all(
    translator: Translator,
    lines: Iterable[Line],
    source: str,
    target: str,
    strategy: Strategy,
    batch_size: int = _BATCH,
) -> Iterator[tuple[str, Result | InputError]]:
    """Translate any number of lines, some at a time, each result beside its line, in order.

    A line that has an error already, or that is too long, has the error as its result.
    """
    remaining, size, first = iter(lines), items_at_once(strategy, batch_size), 0
    while batch := list(islice(remaining, size)):
        errors = [error or _problem(translator, line, target) for line, error in batch]
        # What cannot be translated keeps its place as an empty line: samples depend on the number of a line.
        good = ["" if error else line for (line, _), error in zip(batch, errors, strict=True)]
        results = translator.translate(good, source, target, strategy, items=range(first, first + len(good)))
        for (line, _), error, result in zip(batch, errors, results, strict=True):
            yield line, error or result
        first += len(batch)


def _problem(translator: Translator, line: str, target: str) -> InputError | None:
    """Why the model cannot take the line; None if it can."""
    try:
        translator.source_ids([line], target)
    except InputError as error:
        return error
    return None


def _record(line: str, result: Result | InputError, count: int) -> dict[str, Any]:
    if isinstance(result, InputError):
        return {"source": line, "error": str(result)}
    record = {"source": line, "translation": result.text, "score": round(result.score, 4)}
    if count > 1:
        record["alternatives"] = [_record(line, each, 1) for each in result.alternatives]
    return record


def _configure_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source", dest="source_file", type=Path, required=True, metavar="FILE", help="sentences"
    )
    parser.add_argument(
        "--reference", type=Path, required=True, metavar="FILE", help="their translations, line by line"
    )
    _add_languages(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the translations there, one a line"
    )
    add_decoding(parser, "--beam 5")


def _evaluate(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from common.metrics import translation_scores
    from data.parallel import read_sentences
    from translation.model import USUAL, Translator

    strategy = chosen_strategy(options, USUAL)
    sources, references = read_sentences(options.source_file), read_sentences(options.reference)
    if len(sources) != len(references):
        raise InputError(
            f"{options.source_file} has {len(sources)} lines and {options.reference} has {len(references)}; "
            f"line N of one must translate line N of the other"
        )
    if not sources:
        raise InputError(f"{options.source_file}: empty; give a file of one sentence a line")
    translator = Translator.load(options.model)
    translator.check_direction(options.source, options.target)
    results = translate_all(
        translator, [(line, None) for line in sources], options.source, options.target, strategy
    )
    written, failed = [], 0
    with open_output(options.output) if options.output else nullcontext() as file:
        bar = tqdm(results, total=len(sources), unit="line", disable=None)
        for number, (_, result) in enumerate(bar, start=1):
            if isinstance(result, InputError):
                failed += 1
                report(f"error: {options.source_file}, line {number}: {result}")
            # An error counts as an empty translation: leaving it out would flatter the model.
            written += texts_of(result, 1)
            if file:
                print(written[-1], file=file)
    print(translation_scores(written, [[reference] for reference in references]))
    print(f"{len(written)} sentences|{describe(strategy)}|model:{signature(options.model or BUILT_IN)}")
    return 1 if failed else 0


def _train(options: argparse.Namespace) -> int:
    from common.config import build, read_recipe
    from translation.recipe import TranslatorRecipe
    from translation.training import train_translator

    recipe = build(TranslatorRecipe, read_recipe(options.config, options.set), str(options.config))
    print(train_translator(recipe, resume=options.resume, report=report))
    return 0


APPLICATION = Application(
    commands=(
        Command(("translate",), "translate sentences", _configure_translate, _translate),
        Command(
            ("evaluate", "translation"), "BLEU and chrF++ with signatures", _configure_evaluate, _evaluate
        ),
        Command(("train", "translator"), "train a translator on pairs of sentences", add_recipe, _train),
    ),
    built_in=BUILT_IN,
)

"""``inwords translate``: sentences, paragraphs, and files of any length."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.bulk import BulkOutput, Item, add_files, merge, open_bulk_output, progress, read_items
from common.cli import report
from common.decoding import add_constraints, add_decoding
from common.errors import InputError
from common.output import texts_of
from common.page import check_path
from common.threads import add_threads
from translation.flags import add_coverage, add_languages, chosen_decoding, items_of
from translation.lines import BATCH, translate_items

if TYPE_CHECKING:
    from common.result import Result
    from translation.decoding import Decoding
    from translation.model import Translator

_MOST_EXPLAINED = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "text", nargs="*", metavar="TEXT", help="texts of any length; without, standard input, line by line"
    )
    add_languages(parser)
    add_files(
        parser,
        what="translate the lines of a file, plain or gzip",
        field="the input is JSONL with the text in this field; its other fields stay in the output",
    )
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="FILE",
        help="draw what the model looked at for each word into a .html, .png or .svg",
    )
    parser.add_argument(
        "--glossary",
        type=Path,
        metavar="FILE",
        help="TERM<TAB>TRANSLATION on each line: these terms, of one word or several, are translated so",
    )
    add_decoding(parser, "--beam 5")
    add_coverage(parser)
    add_constraints(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> int:
    """Translate what was given, write it, and report what went wrong; 1 if a line did."""
    _check(options)
    from translation.glossary import Glossary
    from translation.model import USUAL, Translator

    how = chosen_decoding(options, USUAL)
    translator = Translator.load(options.model)
    translator.check_direction(options.source, options.target)
    if options.glossary:
        translator.glossary = Glossary.read(options.glossary)
    if options.explain:
        _explain(options, translator, how)
    lines = 1 if options.format == "jsonl" or options.field else options.count
    with open_bulk_output(
        options.output, lines_per_item=lines, resume=options.resume, report=report
    ) as output:
        return _translate(options, translator, how, output)


def _check(options: argparse.Namespace) -> None:
    """End with a usage error if the flags do not go together."""
    if options.text and (options.input or options.field):
        options.usage(f"give TEXT or --{'input' if options.input else 'field'}, not both")
    if options.text and options.resume:
        options.usage("--resume goes on with a file: give --input and --output, not TEXT")
    if options.explain:
        check_path(options.explain)
        if not options.text:
            options.usage("--explain draws a few sentences: give them as TEXT")
    if not options.text and not options.input and sys.stdin is None:
        raise InputError("standard input is closed; give the sentences as TEXT")


def _items(options: argparse.Namespace) -> Iterator[Item]:
    if options.text:
        return items_of(options.text)
    return read_items(options.input, options.field)


def _translate(options: argparse.Namespace, translator: Translator, how: Decoding, output: BulkOutput) -> int:
    # At a terminal each line is answered before the next is typed.
    typed = not options.text and not options.input and sys.stdin.isatty()
    items = output.remaining(_items(options))
    results = translate_items(translator, items, options.source, options.target, how, 1 if typed else BATCH)
    failed, languages = 0, Counter[str]()
    for item, result in progress(results, options.input, output):
        if isinstance(result, InputError):
            failed += 1
            report(f"error: {f'{options.input}, ' if options.input else ''}line {item.number}: {result}")
        elif result.language:
            languages[result.language] += 1
        if options.format == "jsonl" or options.field:
            output.write([_record(options, item, result)])
        elif options.text and options.count == 1 and not isinstance(result, InputError):
            output.file.write(f"{result.text}\n")  # a text keeps its lines
        else:
            output.write(texts_of(result, options.count), item.ending)
    if languages:
        found = ", ".join(f"{language} {count:,}" for language, count in languages.most_common())
        report(
            f"languages found: {found}" if languages.total() > 1 else f"language found: {found.split()[0]}"
        )
    return 1 if failed else 0


def _record(options: argparse.Namespace, item: Item, result: Result | InputError) -> str:
    source = {} if item.fields is not None else {"source": item.text}
    if isinstance(result, InputError):
        return merge(item, source | {"error": str(result)})
    language = {"language": result.language} if result.language else {}
    additions: dict[str, Any] = source | language | _fields(result)
    if options.count > 1:
        additions["alternatives"] = [_fields(each) for each in result.alternatives]
    return merge(item, additions)


def _fields(result: Result) -> dict[str, Any]:
    import math

    return {
        "translation": result.text,
        "score": round(result.score, 4),
        "tokens": list(result.tokens),
        "probabilities": [round(math.exp(value), 4) for value in result.log_probabilities],
    }


def _explain(options: argparse.Namespace, translator: Translator, how: Decoding) -> None:
    from translation.explaining import explain_texts
    from translation.explanation_page import write_explanations

    explained = explain_texts(translator, options.text, options.source, options.target, how)
    if not explained:
        raise InputError("there is no sentence to explain; give one with words in it")
    if len(explained) > _MOST_EXPLAINED:
        raise InputError(f"{len(explained)} sentences to explain; give at most {_MOST_EXPLAINED}")
    write_explanations(explained, options.explain)

"""``inwords score translation``: how probable given translations are."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from common.bulk import BulkOutput, Item, progress, read_items
from common.cli import report
from common.errors import InputError
from common.output import add_output, json_line, open_output
from common.threads import add_threads
from translation.flags import add_languages
from translation.lines import BATCH

if TYPE_CHECKING:
    from common.reading import Reading
    from translation.model import Translator

Pair = tuple[str, str]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--source",
        dest="source_file",
        type=Path,
        metavar="FILE",
        help="sentences; without, standard input, SENTENCE<TAB>TRANSLATION on each line",
    )
    parser.add_argument("--translation", type=Path, metavar="FILE", help="their translations, line by line")
    add_languages(parser)
    parser.add_argument(
        "--per-token", action="store_true", help="divide by the number of tokens: fairer to long translations"
    )
    add_output(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> int:
    """Write the natural log-probability of each translation, one a line; 1 if a line has none."""
    if (options.source_file is None) != (options.translation is None):
        options.usage("give both --source and --translation, or neither and pairs on standard input")
    from translation.model import Translator

    translator = Translator.load(options.model)
    translator.check_direction(options.source, options.target)
    failed = 0
    with open_output(options.output) as file:
        output = BulkOutput(file)
        results = _read_all(translator, _pairs(options), options.source, options.target)
        for number, (pair, reading) in enumerate(progress(results, options.source_file, output), start=1):
            if isinstance(reading, InputError):
                failed += 1
                report(f"error: line {number}: {reading}")
            output.write([_line(options, translator, pair, reading)])
    return 1 if failed else 0


def _pairs(options: argparse.Namespace) -> Iterator[Pair | InputError]:
    """The pairs as they are, or what is wrong with them."""
    if options.source_file is None:
        for item in read_items(None):
            columns = item.text.split("\t")
            wrong = item.error or InputError(
                f"expected SENTENCE<TAB>TRANSLATION, got {len(columns)} columns; keep two (cut -f1,2)"
            )
            yield wrong if item.error or len(columns) != 2 else (columns[0], columns[1])
        return
    missing = Item(0, "")
    sides = zip_longest(read_items(options.source_file), read_items(options.translation), fillvalue=missing)
    for source, translation in sides:
        if missing in (source, translation):
            shorter = options.source_file if source is missing else options.translation
            raise InputError(
                f"{shorter} has fewer lines than the other file; line N of one must be of line N"
            )
        yield source.error or translation.error or (source.text, translation.text)


def _read_all(
    translator: Translator, pairs: Iterable[Pair | InputError], source: str, target: str
) -> Iterator[tuple[Pair, Reading | InputError]]:
    """What the model makes of each pair, some at a time, in order."""
    from translation.reading import read_translations
    from translation.texts import languages_read

    remaining = iter(pairs)
    while batch := [_checked(translator, each) for each in islice(remaining, BATCH)]:
        good = [each for each in batch if not isinstance(each, InputError)]
        texts, translations = [text for text, _ in good], [translation for _, translation in good]
        languages = languages_read(translator, source, texts)
        sources = [translator.as_read(*each, target) for each in zip(texts, languages, strict=True)]
        readings = iter(read_translations(translator, sources, translations, target))
        for each in batch:
            yield (("", ""), each) if isinstance(each, InputError) else (each, next(readings))


def _checked(translator: Translator, pair: Pair | InputError) -> Pair | InputError:
    if isinstance(pair, InputError):
        return pair
    try:
        translator.source_ids(pair)
    except InputError as error:
        return error
    return pair


def _line(
    options: argparse.Namespace, translator: Translator, pair: Pair, reading: Reading | InputError
) -> str:
    if isinstance(reading, InputError):
        return json_line({"error": str(reading)}) if options.format == "jsonl" else ""
    values = reading.log_probabilities.tolist()
    score = sum(values) / (len(values) if options.per_token else 1)
    if options.format == "text":
        return f"{score:.4f}"
    tokens = translator.tokenizer.pieces(reading.ids)
    return json_line(
        {
            "source": pair[0],
            "translation": pair[1],
            "score": round(score, 4),
            "tokens": tokens,
            "probabilities": [round(math.exp(value), 4) for value in values],
        }
    )

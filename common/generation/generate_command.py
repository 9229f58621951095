"""``inwords generate``: a text goes on."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from common.cli import report
from common.decoding import add_constraints, add_decoding, chosen_constraints, chosen_strategies
from common.generation.columns import lay_out
from common.loops import Loop, find_loop
from common.output import add_output, json_line, one_line, open_output
from common.page import check_path
from common.threads import add_threads

if TYPE_CHECKING:
    from common.constraints import Constraints
    from common.generation.model import LanguageModel
    from common.result import Result
    from common.sampling import Sampling
    from common.search import Strategy

_OFFERS = 4
_EPILOG = """examples:
  inwords generate "today "                                it writes while you watch
  inwords generate "today " --greedy                       always the likeliest: soon it goes round in circles
  inwords generate "today " --temperature 0.2,0.5,1.0,1.5  from timid to wild, side by side
  inwords generate "today " --min-p 0.1 --temperature 1.2  wild, but nothing far-fetched
  inwords generate "ROMEO:" --stop "\\n\\n"                  one speech
  inwords generate "ROMEO:" --count 3 --seed 7             three samples, the same ones every time
  inwords generate "today " --explain why.html             how probable each letter was, and its rivals
  inwords generate --interactive "Once upon a time"        write together

With --format jsonl there is one record for each temperature. "loop" in it says where what was written
without chance (--greedy, --beam) goes round in circles for good: from the character "start" of the text on,
counted from 0, each comes again "period" characters later.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("prompt", nargs="?", default="", metavar="PROMPT", help="what to continue")
    parser.add_argument(
        "--length", type=int, default=300, metavar="N", help="most tokens to add (default: 300)"
    )
    parser.add_argument(
        "--stop",
        action="append",
        default=[],
        metavar="STRING",
        help="end before the first STRING in what is added; \\n in it is a line break; may be repeated",
    )
    parser.add_argument(
        "--interactive",
        action="store_true",
        help=f"write together: take one of its --count offers (usually {_OFFERS}) or type what you like",
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    add_output(parser)
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="FILE",
        help="show how probable each token was, its rivals and the entropy, in a .html, .png or .svg",
    )
    add_decoding(parser, "--temperature 0.7", temperatures=True)
    add_constraints(parser, whole=False)
    add_threads(parser)


def run(options: argparse.Namespace) -> int:
    """Continue the prompt and write it."""
    from common.generation.explanation_page import explain_to
    from common.generation.model import LanguageModel
    from common.sampling import Sampling

    strategies = chosen_strategies(options, Sampling(temperature=0.7))
    constraints = chosen_constraints(options)
    _check(options, strategies)
    options.stop = [each.replace("\\n", "\n") for each in options.stop]
    model = LanguageModel.load(options.model)
    if unknown := model.tokenizer.unknown(options.prompt):
        report(f"note: the model has never seen {', '.join(map(repr, unknown))}; it reads on without")
    with open_output(options.output) as file:
        first = strategies[0]
        if options.interactive and isinstance(first, Sampling):
            print(_write_together(options, model, first, constraints), file=file)
        elif _is_live(options, strategies) and isinstance(first, Sampling):
            pieces = model.stream(options.prompt, options.length, first, constraints, options.stop)
            _write_live(options.prompt, pieces, file, check=first.is_greedy)
        else:
            generate = partial(
                model.generate, options.prompt, options.length, constraints=constraints, stop=options.stop
            )
            results = _write_results(options, strategies, generate, file)
            if options.explain:
                explain_to(options.explain, model, options.prompt, results)
    return 0


def _is_live(options: argparse.Namespace, strategies: Sequence[Strategy]) -> bool:
    """Whether one text is to be written as it comes."""
    return len(strategies) == options.count == 1 and options.format == "text" and not options.explain


def _check(options: argparse.Namespace, strategies: Sequence[Strategy]) -> None:
    """End with a usage error for what cannot be."""
    if options.length < 1:
        options.usage(f"--length must be at least 1, got {options.length}")
    if "" in options.stop:
        options.usage("--stop must not be empty")
    if options.explain:
        check_path(options.explain)
        if options.interactive:
            options.usage("--explain shows what a model wrote alone: give no --interactive with it")
    if not options.interactive:
        return
    if options.format != "text":
        options.usage(f"--interactive ends with a text: give no --format {options.format}")
    if len(strategies) > 1:
        options.usage("--interactive samples at one --temperature, got several")
    if _is_certain(strategies[0]):
        options.usage("--interactive offers samples: give it no --beam and a --temperature above 0")


def _write_together(
    options: argparse.Namespace, model: LanguageModel, sampling: Sampling, constraints: Constraints
) -> str:
    """The text that a person and the model write."""
    from common.generation.cowriting import Partner
    from common.generation.cowriting_command import write_together

    offers = options.count if options.count > 1 else _OFFERS
    partner = Partner(model, replace(sampling, count=1), constraints, options.length, tuple(options.stop))
    return write_together(partner, options.prompt, offers)


def _write_live(prompt: str, pieces: Iterator[str], file: TextIO, *, check: bool) -> None:
    """Write each piece as soon as it comes; ``check`` whether they go round in circles."""
    text = ""
    # The prompt comes with the first piece: not at all if there can be none.
    for piece in chain([prompt + next(pieces, "")], pieces):
        print(piece, end="", file=file, flush=True)
        text += piece
    print(file=file)
    if check:
        _report_loop(text)


def _write_results(
    options: argparse.Namespace,
    strategies: Sequence[Strategy],
    generate: Callable[[Strategy], Result],
    file: TextIO,
) -> list[tuple[str, Result]]:
    """Write what comes of each strategy: a record for each, or texts, side by side if there are several.

    Returns:
        All results, each with what tells it from the others.
    """
    headings = [f"temperature {each:g}" for each in options.temperature] if len(strategies) > 1 else []
    texts: list[str] = []
    named: list[tuple[str, Result]] = []
    for place, strategy in enumerate(strategies):
        result = generate(strategy)
        every = (result, *result.alternatives)
        for number, each in enumerate(every, 1):
            which = f"{number} of {len(every)}" if len(every) > 1 else ""
            named.append(("  ·  ".join(filter(None, [*headings[place : place + 1], which])), each))
        if _is_certain(strategy):
            _report_loop(result.text, headings[place] if headings else "")
        texts.append("\n\n--\n\n".join(each.text for each in every))
        if options.format == "jsonl":
            record = _record(options.prompt, result, _is_certain(strategy))
            if headings:
                record = {"temperature": options.temperature[place]} | record
            if options.count > 1:
                others = [
                    _record(options.prompt, each, _is_certain(strategy)) for each in result.alternatives
                ]
                record["alternatives"] = others
            print(json_line(record), file=file, flush=True)
    if options.format == "text":
        width = None if options.output else shutil.get_terminal_size().columns
        print(lay_out(texts, headings, width) if headings else texts[0], file=file)
    return named


def _record(prompt: str, result: Result, certain: bool) -> dict[str, Any]:
    """One text as JSON; with its loop or null if it was written without chance."""
    record = {"prompt": prompt, "text": result.text, "score": round(result.score, 4)}
    if not certain:
        return record
    loop = _lasting_loop(result.text)
    return record | {"loop": {"start": loop.start, "period": loop.period} if loop else None}


def _is_certain(strategy: Strategy) -> bool:
    """Whether nothing is left to chance, which is when texts go round in circles."""
    from common.search import Beam

    return isinstance(strategy, Beam) or strategy.is_greedy


def _lasting_loop(text: str) -> Loop | None:
    """The loop that a text does not get out of any more, if there is one."""
    loop = find_loop(text)
    return loop if loop and loop.end == len(text) else None


def _report_loop(text: str, heading: str = "") -> None:
    """Tell of a loop, and of the ways out of it."""
    if loop := _lasting_loop(text):
        unit = one_line(text[loop.start : loop.start + loop.period])
        unit = unit if len(unit) <= 60 else f"{unit[:57]}..."
        where = f"{heading}: from" if heading else "from"
        report(
            f"note: {where} character {loop.start + 1} on it repeats {unit!r}, as the likeliest "
            "mostly does; give a --temperature such as 0.7, or --no-repeat-ngram 20"
        )

"""``inwords generate``: a text goes on."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.cli import report
from common.decoding import add_constraints, add_decoding, chosen_constraints, chosen_strategy
from common.output import add_output, json_line, open_output


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("prompt", nargs="?", default="", metavar="PROMPT", help="what to continue")
    parser.add_argument("--length", type=int, default=300, metavar="N", help="tokens to add (default: 300)")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    add_output(parser)
    add_decoding(parser, "--temperature 0.7")
    add_constraints(parser, whole=False)


def run(options: argparse.Namespace) -> int:
    """Continue the prompt and write it."""
    from common.language_model import LanguageModel
    from common.sampling import Sampling

    strategy, constraints = chosen_strategy(options, Sampling(temperature=0.7)), chosen_constraints(options)
    if options.length < 1:
        options.usage(f"--length must be at least 1, got {options.length}")
    model = LanguageModel.load(options.model)
    if unknown := model.tokenizer.unknown(options.prompt):
        report(f"note: the model has never seen {', '.join(map(repr, unknown))}; it reads on without")
    result = model.generate(options.prompt, options.length, strategy, constraints)
    with open_output(options.output) as file:
        if options.format == "jsonl":
            record = {"prompt": options.prompt, "text": result.text, "score": round(result.score, 4)}
            if options.count > 1:
                record["alternatives"] = [
                    {"prompt": options.prompt, "text": each.text, "score": round(each.score, 4)}
                    for each in result.alternatives
                ]
            print(json_line(record), file=file)
        else:
            texts = [each.text for each in (result, *result.alternatives)]
            print("\n\n--\n\n".join(texts), file=file)
    return 0

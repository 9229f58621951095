"""The commands of text generation, and those of the suite as a whole."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from common.cli import Application, Command, applications
from common.decoding import add_constraints, add_decoding, chosen_constraints, chosen_strategy
from common.errors import InputError
from common.output import add_output, json_line, open_output

BUILT_IN = Path(__file__).parent / "pretrained"


def report(line: str) -> None:
    """Show a line to the person who waits, apart from the results and above a progress bar."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def report_trained(best: Path) -> None:
    """Print where the trained model is; where several processes have trained it, the first of them does."""
    from common.workers import Workers

    Workers.join().only_first(print)(str(best))


def signature(directory: Path) -> str:
    """What tells one set of weights from another: the start of their file's SHA-256."""
    return hashlib.sha256((directory / "model.safetensors").read_bytes()).hexdigest()[:8]


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a training command."""
    parser.add_argument(
        "config", type=Path, metavar="CONFIG.toml", help="the recipe; see the recipes/ folders"
    )
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a training command."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one setting of the recipe, such as training.epochs=3; may be repeated",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in the recipe's output"
    )


def _configure_generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", nargs="?", default="", metavar="PROMPT", help="what to continue")
    parser.add_argument("--length", type=int, default=300, metavar="N", help="tokens to add (default: 300)")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    add_output(parser)
    add_decoding(parser, "--temperature 0.7")
    add_constraints(parser, whole=False)


def _generate(options: argparse.Namespace) -> int:
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


def _configure_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a plain text")
    parser.add_argument(
        "--last",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="measure only this last share of it, such as 0.1 (default: all)",
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )


def _evaluate(options: argparse.Namespace) -> int:
    from common.language_model import LanguageModel
    from common.text import read_corpus, split_corpus

    if not 0 < options.last <= 1:
        options.usage(f"--last must be above 0 and at most 1, got {options.last}")
    _, text = split_corpus(read_corpus(options.file), options.last)
    if not text:
        options.usage(f"--last {options.last} leaves nothing of {options.file}")
    model = LanguageModel.load(options.model)
    print(model.measure(text))
    weights = signature(options.model or BUILT_IN)
    print(f"measured on {len(text):,} characters, state carried from the first to the last|model:{weights}")
    return 0


def _train(options: argparse.Namespace) -> int:
    from common.config import build, read_recipe
    from common.language_model_training import LanguageModelRecipe, train_language_model
    from common.text import read_corpus

    recipe = build(LanguageModelRecipe, read_recipe(options.config, options.set), str(options.config))
    text = read_corpus(recipe.text)
    report_trained(train_language_model(recipe, text, resume=options.resume, report=report))
    return 0


def _models(_: argparse.Namespace) -> int:
    for application in applications():
        card = application.built_in / "README.md"
        try:
            lines = card.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise InputError(f"{card}: missing; install inwords again") from error
        size = sum(file.stat().st_size for file in application.built_in.iterdir())
        # A card begins with what was trained on what, and then what it scores; the rest is for reading there.
        ends = [place for place, line in enumerate(lines) if line.startswith("## ") and line != "## Scores"]
        print("\n".join(lines[: ends[0] if ends else None]).rstrip())
        print(f"\n{application.built_in} ({size / 1e6:.1f} MB)\n")
    return 0


APPLICATION = Application(
    commands=(
        Command(("generate",), "continue a text", _configure_generate, _generate),
        Command(
            ("evaluate", "text"), "nats and bits a character, perplexity", _configure_evaluate, _evaluate
        ),
        Command(("train", "language-model"), "train a language model on a text", add_recipe, _train),
        Command(
            ("models",),
            "the built-in models: what they were trained on, what they score",
            lambda _: None,
            _models,
        ),
    ),
    built_in=BUILT_IN,
)

"""``inwords evaluate translation``: scores of a model's translations, or of those in a file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from common.bulk import Item
from common.decoding import add_constraints, add_decoding, describe
from common.errors import InputError
from common.flags import changed_flags, signature
from common.output import open_output, texts_of
from common.threads import add_threads
from translation.flags import BUILT_IN, add_coverage, add_languages, chosen_decoding
from translation.lines import translate_items

if TYPE_CHECKING:
    from translation.evaluation import Evaluation
    from translation.model import Translator

# The bootstrap of sacreBLEU needs a tenth of a megabyte a sentence.
_MOST_SAMPLED = 20_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    files = parser.add_argument_group("files, one sentence a line")
    files.add_argument(
        "--source",
        dest="source_file",
        type=Path,
        metavar="FILE",
        help="what to translate; with --hypotheses only shown",
    )
    files.add_argument(
        "--reference",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="its translations by people; several files are several references",
    )
    files.add_argument(
        "--hypotheses", type=Path, metavar="FILE", help="score these translations instead of a model's"
    )
    files.add_argument(
        "--compare",
        type=Path,
        metavar="FILE",
        help="another system's translations; says which differences chance would not make (paired bootstrap)",
    )
    files.add_argument("--output", type=Path, metavar="FILE", help="write the model's translations there")
    files.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page with the best and worst sentences"
    )
    add_languages(parser, required=False)
    parser.add_argument(
        "--moses",
        action="store_true",
        help="also BLEU of both sides lower-cased and cut into words as Moses does, as papers on Multi30k "
        "score; needs --to",
    )
    parser.add_argument("--confidence", action="store_true", help="95 %% intervals of the scores (bootstrap)")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="lines of text (the default), or one JSON"
    )
    _add_search(parser)
    add_constraints(parser)
    add_coverage(parser)
    add_threads(parser)


def _add_search(parser: argparse.ArgumentParser) -> None:
    # Of several translations only the best would be scored.
    add_decoding(parser, "--beam 5", several=False)


def run(options: argparse.Namespace) -> int:
    """Translate if there is something to translate; score, print, and write what was asked for."""
    _check(options)
    paths = [options.source_file, *options.reference, options.hypotheses, options.compare]
    texts = _read_aligned([path for path in paths if path])
    _check_size(options, len(texts[options.reference[0]]))
    with ExitStack() as stack:
        page = stack.enter_context(open_output(options.report)) if options.report else None
        file = stack.enter_context(open_output(options.output)) if options.output else None
        made: dict[str, Any] = {}
        if options.hypotheses:
            hypotheses = texts[options.hypotheses]
        else:
            hypotheses, made = _translate(options, texts[options.source_file], file)
        evaluation = _evaluate(options, hypotheses, texts, made)
        if page:
            from translation.report import report

            page.write(report(evaluation, _explanations(options, evaluation)))
    print(evaluation.as_json() if options.format == "json" else evaluation)
    return 0


def _check(options: argparse.Namespace) -> None:
    """End with a usage error if the flags do not go together."""
    if options.moses and not options.target:
        options.usage("--moses cuts into words by the rules of a language: give it as --to")
    if options.hypotheses:
        given = [f"--{name}" for name in ("model", "output") if getattr(options, name)]
        if useless := [*given, *changed_flags(options, _add_search, add_constraints, add_coverage)]:
            options.usage(f"{useless[0]} has no effect with --hypotheses: nothing is translated")
        return
    needed = {"--source": options.source_file, "--from": options.source, "--to": options.target}
    if missing := [flag for flag, value in needed.items() if not value]:
        options.usage(f"to translate, give {', '.join(missing)}; to score a file, --hypotheses")


def _read_aligned(paths: Sequence[Path]) -> dict[Path, list[str]]:
    """The lines of each file; they must have equally many."""
    from data.parallel import read_sentences

    texts = {path: read_sentences(path) for path in paths}
    first = paths[0]
    for path, lines in texts.items():
        if len(lines) != len(texts[first]):
            raise InputError(
                f"{first} has {len(texts[first])} lines and {path} has {len(lines)}; "
                f"line N of one must translate line N of the other"
            )
    if not texts[first]:
        raise InputError(f"{first}: empty; give a file of one sentence a line")
    return texts


def _check_size(options: argparse.Namespace, sentences: int) -> None:
    if (options.confidence or options.compare) and sentences > _MOST_SAMPLED:
        raise InputError(
            f"{options.reference[0]} has {sentences} lines; --confidence and --compare take at most "
            f"{_MOST_SAMPLED} for want of memory: give a part"
        )


def _translate(
    options: argparse.Namespace, sources: Sequence[str], file: TextIO | None
) -> tuple[list[str], dict[str, Any]]:
    """The translations, written into ``file`` too, and how they were made."""
    from tqdm import tqdm

    from translation.model import USUAL, Translator

    how = chosen_decoding(options, USUAL)
    translator = Translator.load(options.model)
    translator.check_direction(options.source, options.target)
    items = [Item(number, line) for number, line in enumerate(sources, start=1)]
    results = translate_items(translator, items, options.source, options.target, how)
    written = []
    for _, result in tqdm(results, total=len(sources), unit="line", disable=None):
        written += texts_of(result, 1)
        if file:
            print(written[-1], file=file)
    more = [
        f"{flag[2:]}:{value}" for flag, value in changed_flags(options, add_constraints, add_coverage).items()
    ]
    decoding = "|".join([describe(how.strategy), *more])
    made = {"decoding": decoding, "model": signature(options.model or BUILT_IN)}
    return written, made


def _can_read(translator: Translator, evaluation: Evaluation, place: int) -> bool:
    """Whether both sides are short enough to be read at once, and there is something to read."""
    texts = [evaluation.hypotheses[place], *([evaluation.sources[place]] if evaluation.sources else [])]
    most = translator.config.maximum_length - 1
    return all(text.strip() and len(translator.tokenizer.encode(text)) <= most for text in texts)


def _explanations(options: argparse.Namespace, evaluation: Evaluation) -> dict[int, str]:
    """What the model looked at in the sentences that the report shows; nothing for translations in a file."""
    from common.report import worst_and_best
    from translation.explaining import explain_sentences
    from translation.explanation_page import explanation_html
    from translation.model import Translator
    from translation.scores import sentence_chrf

    translator = None if options.hypotheses else Translator.load(options.model)
    if translator is None or translator.decoder.attention is None or evaluation.sources is None:
        return {}
    worst, best = worst_and_best(sentence_chrf(evaluation.hypotheses, evaluation.references))
    places = [place for place in worst + best if _can_read(translator, evaluation, place)]
    explained = explain_sentences(
        translator,
        [translator.as_read(evaluation.sources[place], options.source, options.target) for place in places],
        [evaluation.hypotheses[place] for place in places],
        (options.source, options.target),
    )
    return {place: explanation_html(each) for place, each in zip(places, explained, strict=True)}


def _evaluate(
    options: argparse.Namespace,
    hypotheses: Sequence[str],
    texts: dict[Path, list[str]],
    made: dict[str, Any],
) -> Evaluation:
    """Score the hypotheses; ``made`` says how they were made."""
    from common.significance import SAMPLES
    from translation.evaluation import Evaluation
    from translation.scores import compare, translation_scores

    moses = options.target if options.moses else None
    references = list(zip(*(texts[path] for path in options.reference), strict=True))
    samples = SAMPLES if options.confidence else 0
    scores = translation_scores(hypotheses, references, samples=samples, moses=moses)
    others = texts[options.compare] if options.compare else None
    comparisons = compare(hypotheses, others, references, moses=moses) if others else ()
    named = {
        "from": options.source,
        "to": options.target,
        "source": options.source_file and str(options.source_file),
        "references": [str(path) for path in options.reference],
        "hypotheses": options.hypotheses and str(options.hypotheses),
        "compare": options.compare and str(options.compare),
    }
    what = {"sentences": len(references)} | {name: value for name, value in named.items() if value}
    sources = texts[options.source_file] if options.source_file else None
    return Evaluation(hypotheses, references, scores, what | made, sources, others, comparisons)

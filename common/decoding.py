"""The decoding flags, the same for every command, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from common.constraints import Constraints
    from common.search import Strategy

# Wider ones fill the memory before they make anything better.
_WIDEST = 1000
_SAMPLING = ("greedy", "temperature", "top_k", "top_p", "min_p", "typical")


def add_decoding(
    parser: argparse.ArgumentParser, default: str, *, several: bool = True, temperatures: bool = False
) -> None:
    """Add the flags that choose the strategy.

    Those about several results of an item come only if ``several``; with ``temperatures`` there
    may be more than one of them, see :func:`chosen_strategies`.
    """
    group = parser.add_argument_group("decoding", f"by default {default}")
    hidden = argparse.SUPPRESS  # the defaults are in the sentence above
    group.add_argument("--beam", type=_width, metavar="N", default=hidden, help="beam search of this width")
    group.add_argument(
        "--temperature",
        type=_temperatures if temperatures else float,
        metavar="T,T,..." if temperatures else "T",
        default=hidden,
        help="sample: below 1 likelier, above 1 stranger, 0 always the likeliest (greedy)"
        + ("; with several, one result for each, side by side" if temperatures else ""),
    )
    group.add_argument(
        "--greedy", action="store_true", default=hidden, help="always the likeliest: --temperature 0"
    )
    _add_cuts(group)
    group.add_argument("--seed", type=int, metavar="S", default=hidden, help="of the samples; 0 without")
    group.add_argument(
        "--length-penalty",
        type=float,
        metavar="A",
        default=hidden,
        help="rank a beam by log-probability / length^A: 0 prefers short texts, 1 long ones",
    )
    if not several:
        parser.set_defaults(count=1)
        return
    group.add_argument(
        "--count",
        type=_width,
        metavar="N",
        default=1,
        help="the N best of the beam, or N samples, for each item (default: 1)",
    )
    group.add_argument(
        "--diversity",
        type=float,
        metavar="D",
        default=hidden,
        help="keep the --count results of a beam apart by D nats for each word in common, such as 1",
    )


def _add_cuts(group: argparse._ArgumentGroup) -> None:
    """Add the flags that say which tokens are never drawn."""
    group.add_argument(
        "--top-k", type=int, metavar="K", default=argparse.SUPPRESS, help="sample from the K likeliest"
    )
    for flag, meaning in (
        ("--top-p", "the fewest likeliest that together have probability P, such as 0.9"),
        ("--min-p", "what is at least P times as probable as the likeliest, such as 0.1"),
        ("--typical", "what surprises about as much as is to be expected, together of probability P"),
    ):
        group.add_argument(
            flag, type=float, metavar="P", default=argparse.SUPPRESS, help=f"sample from {meaning}"
        )


def add_constraints(parser: argparse.ArgumentParser, *, whole: bool = True) -> None:
    """Add the flags that say what a result must be like; beginning and length only of a ``whole`` text."""
    group = parser.add_argument_group("constraints")
    group.add_argument(
        "--ban", action="append", default=[], metavar="WORD", help="a word not to use; may be repeated"
    )
    group.add_argument(
        "--no-repeat-ngram", type=int, default=0, metavar="N", help="no N tokens in a row come twice"
    )
    group.add_argument(
        "--repetition-penalty",
        type=float,
        default=1.0,
        metavar="P",
        help="above 1 makes tokens rarer that have come before, such as 1.2",
    )
    if not whole:
        parser.set_defaults(prefix="", min_length=0, max_length=None)
        return
    group.add_argument("--prefix", default="", metavar="TEXT", help="the result begins so")
    group.add_argument("--min-length", type=int, default=1, metavar="N", help="fewest tokens (default: 1)")
    group.add_argument(
        "--max-length", type=int, default=None, metavar="N", help="most tokens, the end of the text counted"
    )


def chosen_constraints(options: argparse.Namespace) -> Constraints:
    """The constraints that the flags ask for; ends with a usage error if they cannot be."""
    from common.constraints import Constraints

    try:
        return Constraints(
            options.prefix,
            tuple(options.ban),
            options.no_repeat_ngram,
            options.repetition_penalty,
            options.min_length,
            options.max_length,
        )
    except ValueError as error:
        return _usage(options, error)


def chosen_strategy(options: argparse.Namespace, default: Strategy) -> Strategy:
    """The strategy that the flags ask for; ends with a usage error if they contradict each other."""
    from common.sampling import Sampling
    from common.search import Beam

    given = vars(options)
    sampling = [_flag(name) for name in _SAMPLING if name in given]
    _check(options, [*sampling, *(["--seed"] if "seed" in given else [])], isinstance(default, Beam))
    try:
        if sampling or (isinstance(default, Sampling) and "beam" not in given):
            usual = default.temperature if isinstance(default, Sampling) else 1.0
            return Sampling(
                temperature=0.0 if "greedy" in given else given.get("temperature", usual),
                top_k=given.get("top_k"),
                top_p=given.get("top_p"),
                min_p=given.get("min_p"),
                typical=given.get("typical"),
                count=options.count,
                seed=given.get("seed", 0),
            )
        usual_beam = default if isinstance(default, Beam) else Beam(options.count)
        diversity = given.get("diversity", usual_beam.diversity)
        size = max(usual_beam.size, options.count)
        if diversity:  # as many places for each result
            size = -(-size // options.count) * options.count
        length_penalty = given.get("length_penalty", usual_beam.length_penalty)
        return Beam(given.get("beam", size), length_penalty, options.count, diversity)
    except ValueError as error:
        return _usage(options, error)


def chosen_strategies(options: argparse.Namespace, default: Strategy) -> list[Strategy]:
    """A strategy for each of the temperatures that are given, or the one without any."""
    temperatures: Sequence[float] = getattr(options, "temperature", ())
    if not temperatures:
        return [chosen_strategy(options, default)]
    each = (argparse.Namespace(**vars(options) | {"temperature": one}) for one in temperatures)
    return [chosen_strategy(one, default) for one in each]


def _flag(name: str) -> str:
    """The flag of a setting."""
    return f"--{name.replace('_', '-')}"


def _usage(options: argparse.Namespace, error: ValueError) -> NoReturn:
    """End with a usage error; what is wrong begins with the setting's name."""
    name, rest = str(error).split(" ", 1)
    options.usage(f"{_flag(name)} {rest}")
    raise error  # not reached


def _width(text: str) -> int:
    """A number of hypotheses, as argparse wants it."""
    if text.isdecimal() and len(text) < 9 and 1 <= int(text) <= _WIDEST:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {_WIDEST}, got {text}")


def _temperatures(text: str) -> list[float]:
    """One temperature or several parted by commas, as argparse wants them."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number, or several parted by commas such as 0.2,0.5,1.0, got {text!r}"
        ) from None


def _check(options: argparse.Namespace, sampling: list[str], searches: bool) -> None:
    """Refuse flags that contradict each other; ``sampling`` are those given that are about samples."""
    given = vars(options)
    if "beam" in given and sampling:
        does = "takes the likeliest" if sampling[0] == "--greedy" else "samples"
        options.usage(f"--beam searches and {sampling[0]} {does}: give one of them")
    if "greedy" in given and len(sampling) > 1:
        options.usage(f"--greedy always takes the likeliest: give no {sampling[1]} with it")
    for name in ("diversity", "length_penalty"):
        if name in given and (sampling or not (searches or "beam" in given)):
            options.usage(f"{_flag(name)} is of a beam: give --beam with it, and no sampling")
    if given.get("diversity") and options.count == 1:
        options.usage("--diversity keeps several results apart: give --count with it")
    if searches and sampling == ["--seed"]:
        options.usage("--seed is of samples: give --temperature, --top-k or another of these with it")
    if "beam" in given and options.count > options.beam:
        options.usage(f"--count {options.count} needs a --beam at least as wide, got --beam {options.beam}")
    if "beam" in given and given.get("diversity") and options.beam % options.count:
        options.usage(f"--beam must be a multiple of --count {options.count}, got {options.beam}")
    greedy = "greedy" in given or given.get("temperature") == 0 or given.get("top_k") == 1
    if options.count > 1 and greedy:
        options.usage(f"--count {options.count} would be all the same: the likeliest is only one")


def items_at_once(strategy: Strategy, usual: int) -> int:
    """How many items to decode together, so that very wide beams need no more memory than usual ones."""
    from common.search import Beam

    width = strategy.size if isinstance(strategy, Beam) else strategy.count
    return max(1, usual * 5 // max(5, width))


def describe(strategy: Strategy) -> str:
    """The strategy in the manner of a signature, such as ``beam:5|length:1.0``."""
    from common.search import Beam

    if isinstance(strategy, Beam):
        diversity = f"|diversity:{strategy.diversity}" if strategy.diversity else ""
        return f"beam:{strategy.size}|length:{strategy.length_penalty}{diversity}"
    parts = [f"temperature:{strategy.temperature}", f"seed:{strategy.seed}"]
    parts += [f"top-k:{strategy.top_k}"] if strategy.top_k else []
    parts += [f"top-p:{strategy.top_p}"] if strategy.top_p is not None else []
    parts += [f"min-p:{strategy.min_p}"] if strategy.min_p else []
    parts += [f"typical:{strategy.typical}"] if strategy.typical is not None else []
    return "|".join(parts)

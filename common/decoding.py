"""The decoding flags, the same for every command, and what they mean."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.search import Strategy

# Wider ones fill the memory before they make anything better.
_WIDEST = 1000


def add_decoding(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--beam``, ``--temperature``, ``--top-k``, ``--top-p``, ``--count`` and ``--seed``."""
    group = parser.add_argument_group("decoding", f"by default {default}")
    hidden = argparse.SUPPRESS  # the defaults are in the sentence above
    group.add_argument("--beam", type=_width, metavar="N", default=hidden, help="beam search of this width")
    group.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        default=hidden,
        help="sample instead: below 1 likelier, above 1 stranger, 0 always the likeliest (greedy)",
    )
    group.add_argument("--top-k", type=int, metavar="K", default=hidden, help="sample from the K likeliest")
    group.add_argument(
        "--top-p",
        type=float,
        metavar="P",
        default=hidden,
        help="sample from the fewest likeliest that together have probability P",
    )
    group.add_argument(
        "--count",
        type=_width,
        metavar="N",
        default=1,
        help="the N best of the beam, or N samples, for each item (default: 1)",
    )
    group.add_argument("--seed", type=int, metavar="S", default=hidden, help="of the samples; 0 without")


def chosen_strategy(options: argparse.Namespace, default: Strategy) -> Strategy:
    """The strategy that the flags ask for; ends with a usage error if they contradict each other."""
    from common.sampling import Sampling
    from common.search import Beam

    given = vars(options)
    sampling = [f"--{name.replace('_', '-')}" for name in ("temperature", "top_k", "top_p") if name in given]
    _check(options, [*sampling, *(["--seed"] if "seed" in given else [])], isinstance(default, Beam))
    try:
        if sampling or (isinstance(default, Sampling) and "beam" not in given):
            usual = default.temperature if isinstance(default, Sampling) else 1.0
            return Sampling(
                temperature=given.get("temperature", usual),
                top_k=given.get("top_k"),
                top_p=given.get("top_p"),
                count=options.count,
                seed=given.get("seed", 0),
            )
        usual_beam = default if isinstance(default, Beam) else Beam(options.count)
        size = given.get("beam", max(usual_beam.size, options.count))
        return Beam(size, usual_beam.length_penalty, options.count)
    except ValueError as error:
        options.usage(f"--{str(error).replace('_', '-', 1)}")
        raise  # not reached: a usage error ends the program


def _width(text: str) -> int:
    """A number of hypotheses, as argparse wants it."""
    if text.isdecimal() and len(text) < 9 and 1 <= int(text) <= _WIDEST:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {_WIDEST}, got {text}")


def _check(options: argparse.Namespace, sampling: list[str], searches: bool) -> None:
    """Refuse flags that contradict each other; ``sampling`` are those given that are about samples."""
    given = vars(options)
    if "beam" in given and sampling:
        options.usage(f"--beam searches and {sampling[0]} samples: give one of them")
    if searches and sampling == ["--seed"]:
        options.usage("--seed is of samples: give --temperature, --top-k or --top-p with it")
    if "beam" in given and options.count > options.beam:
        options.usage(f"--count {options.count} needs a --beam at least as wide, got --beam {options.beam}")
    if options.count > 1 and (given.get("temperature") == 0 or given.get("top_k") == 1):
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
        return f"beam:{strategy.size}|length:{strategy.length_penalty}"
    parts = [f"temperature:{strategy.temperature}", f"seed:{strategy.seed}"]
    parts += [f"top-k:{strategy.top_k}"] if strategy.top_k else []
    parts += [f"top-p:{strategy.top_p}"] if strategy.top_p is not None else []
    return "|".join(parts)

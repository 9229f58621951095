"""The decoding flags, the same for every command, and what they mean."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.search import Strategy


def add_decoding(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--beam``, ``--temperature``, ``--top-k``, ``--top-p``, ``--count`` and ``--seed``."""
    group = parser.add_argument_group("decoding", f"by default {default}")
    hidden = argparse.SUPPRESS  # the defaults are in the sentence above
    group.add_argument("--beam", type=int, metavar="N", default=hidden, help="beam search of this width")
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
        type=int,
        metavar="N",
        default=1,
        help="the N best of the beam, or N samples, for each item (default: 1)",
    )
    group.add_argument("--seed", type=int, metavar="S", default=hidden, help="of the samples; 0 if not given")


def chosen_strategy(options: argparse.Namespace, default: Strategy) -> Strategy:
    """The strategy that the flags ask for; ends with a usage error if they contradict each other."""
    from common.sampling import Sampling
    from common.search import Beam

    given = vars(options)
    sampling = [f"--{name.replace('_', '-')}" for name in ("temperature", "top_k", "top_p") if name in given]
    if "beam" in given and (sampling or "seed" in given):
        options.usage(f"--beam searches and {(sampling or ['--seed'])[0]} samples: give one of them")
    try:
        if sampling or "seed" in given or (isinstance(default, Sampling) and "beam" not in given):
            usual = default.temperature if isinstance(default, Sampling) else 1.0
            return Sampling(
                temperature=given.get("temperature", usual),
                top_k=given.get("top_k"),
                top_p=given.get("top_p"),
                count=options.count,
                seed=given.get("seed", 0),
            )
        usual_size = default.size if isinstance(default, Beam) else options.count
        return Beam(size=given.get("beam", max(usual_size, options.count)), count=options.count)
    except ValueError as error:
        options.usage(f"--{str(error).replace('_', '-', 1)}".replace("--size", "--beam"))
        raise  # not reached: a usage error ends the program


def describe(strategy: Strategy) -> str:
    """The strategy in the manner of a signature, such as ``beam:5|length:1.0``."""
    from common.search import Beam

    if isinstance(strategy, Beam):
        return f"beam:{strategy.size}|length:{strategy.length_penalty}"
    parts = [f"temperature:{strategy.temperature}", f"seed:{strategy.seed}"]
    parts += [f"top-k:{strategy.top_k}"] if strategy.top_k else []
    parts += [f"top-p:{strategy.top_p}"] if strategy.top_p is not None else []
    return "|".join(parts)

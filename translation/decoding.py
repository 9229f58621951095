"""Decoding sentences as they are: what the decoder begins with, how long a translation may get."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from common.constraints import Constraints, Start
from common.result import Result, make_result
from common.rules import Rules
from common.sampling import Sampling
from common.search import Beam, Strategy
from common.tokenizer import Tokenizer
from translation.network import TranslationNetwork


@dataclass(frozen=True)
class Decoding:
    """How to find translations.

    Attributes:
        strategy: Beam search or sampling.
        constraints: What the translation of each sentence must be like; the prefix is the
            beginning of a whole text.
        coverage_penalty: How much hypotheses of a beam lose for passing over parts of the source.

    Raises:
        ValueError: A penalty below 0, or one that there is no plain beam for.
    """

    strategy: Strategy
    constraints: Constraints = Constraints()  # noqa: RUF009 (frozen)
    coverage_penalty: float = 0.0

    def __post_init__(self) -> None:
        penalty, strategy = self.coverage_penalty, self.strategy
        if not (isfinite(penalty) and penalty >= 0):
            raise ValueError(f"coverage_penalty must be a finite number of 0 or more, got {penalty}")
        if penalty and not isinstance(strategy, Beam):
            raise ValueError("coverage_penalty must go with a beam, got sampling")
        if penalty and isinstance(strategy, Beam) and strategy.diversity:
            raise ValueError("coverage_penalty must go without diversity, got both: each orders a beam anew")


@torch.inference_mode()
def decode_sentences(
    network: TranslationNetwork,
    sentences: Sequence[str],
    target: str,
    strategy: Strategy,
    constraints: Constraints,
    items: Sequence[int],
) -> list[Result]:
    """Translate each sentence; see ``Translator.translate_sentences``."""
    network = network.adapted(target)
    results = [Result("")] * len(sentences)
    start, ids = constraints.start(network.tokenizer), network.source_ids(sentences)
    prompt = _prompt(network, target, start)
    shortlist = network.shortlist(target, {*start.ids, *start.first})
    lengths_allowed = [_most(network, len(each), constraints, start) for each in ids]
    width = strategy.size if isinstance(strategy, Beam) else strategy.count
    for most in sorted(set(lengths_allowed)):
        rows = [row for row, each in enumerate(lengths_allowed) if each == most]
        rules = _rules(network, constraints, start, most)
        for places, sources, lengths in network.batches([ids[row] for row in rows], width):
            chosen = [rows[place] for place in places]
            state, _ = network.encode(sources, lengths)
            found = shortlist.decode(
                state,
                prompt.expand(len(chosen), -1),
                strategy,
                rules,
                items=[items[row] for row in chosen],
            )
            for row, hypotheses in zip(chosen, found, strict=True):
                results[row] = make_result(hypotheses, network.tokenizer, start.ids)
    return results


def stream_sentence(
    network: TranslationNetwork,
    sentence: str,
    target: str,
    sampling: Sampling,
    constraints: Constraints,
    item: int,
) -> Iterator[tuple[int, ...]]:
    """Translate a sentence; gives the ids written so far, the prefix among them, after each new one.

    Raises:
        InputError: The sentence is too long, or the constraints cannot be met.
    """
    network = network.adapted(target)
    start, ids = constraints.start(network.tokenizer), network.source_ids([sentence])
    rules = _rules(network, constraints, start, _most(network, len(ids[0]), constraints, start))
    # Inference mode is one thread's: it must be off whenever another may go on.
    with torch.inference_mode():
        ((_, sources, lengths),) = network.batches(ids)
        state, _ = network.encode(sources, lengths)
        prompt = _prompt(network, target, start)
        shortlist = network.shortlist(target, {*start.ids, *start.first})
        tokens = shortlist.stream(state, prompt, sampling, rules, item=item)
    written = start.ids
    while (token := _next(tokens)) is not None:
        written += (token,)
        yield written


def _next(tokens: Iterator[int]) -> int | None:
    with torch.inference_mode():
        return next(tokens, None)


def _prompt(network: TranslationNetwork, target: str, start: Start) -> Tensor:
    """What every translation starts from: the tag of its language and the prefix, (1, length)."""
    tag = network.tokenizer.special(f"<{target}>")
    return torch.tensor([[tag, *start.ids]], device=network.device)


def _most(network: TranslationNetwork, source_length: int, constraints: Constraints, start: Start) -> int:
    """Most tokens of a translation, the prefix counted: nothing that is right is much longer than twice
    its source.

    In steps, so that sentences of similar length are one batch, and by the sentence's own length,
    so that its translation does not depend on that batch.
    """
    stepped = -(-source_length // 64) * 64
    most = max(2 * stepped + 20 + len(start.ids), constraints.min_length + 1)
    return min(network.config.maximum_length, most)


def _rules(network: TranslationNetwork, constraints: Constraints, start: Start, most: int) -> Rules:
    return constraints.rules(network.tokenizer, start, eos=Tokenizer.EOS, max_length=most)

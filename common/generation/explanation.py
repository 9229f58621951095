"""How a language model came to write what it did: each choice, its rivals, and where it goes in circles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from common.choices import Choices, choices_of
from common.errors import InputError
from common.loops import Loop, find_loop
from common.reading import read_given

if TYPE_CHECKING:
    from common.generation.model import LanguageModel
    from common.result import Result

MOST_TOKENS = 10_000
"""More on one page are slow to show, and nobody reads them."""


@dataclass(frozen=True)
class TextExplanation:
    """A prompt and its continuation.

    Attributes:
        heading: What tells it from others on the page, such as ``"temperature 0.7"``; may be empty.
        prompt: As it was given.
        choices: All that was written after it, token by token.
        loop: From where to the end the pieces of ``choices`` go round in circles, if they do.
    """

    heading: str
    prompt: str
    choices: Choices
    loop: Loop | None

    @property
    def bits(self) -> list[float]:
        """The entropy of each choice in bits."""
        return [nats / math.log(2) for nats in self.choices.entropies]


def explain_texts(
    model: LanguageModel, prompt: str, named: Sequence[tuple[str, Result]]
) -> list[TextExplanation]:
    """Read what :meth:`LanguageModel.generate` made of a prompt, each with its heading, once more, as it did.

    Probabilities and entropies are the model's own, whatever temperature and cuts it was sampled with.

    Raises:
        InputError: It is too much to be shown.
    """
    if (count := sum(len(each.ids) for _, each in named)) > MOST_TOKENS:
        raise InputError(f"{count:,} tokens to explain; give a --length of at most {MOST_TOKENS:,} in all")
    draft = model.read(prompt)
    explanations = []
    for heading, result in named:
        (reading,) = read_given(model.decoder, draft.state, [draft.ids[-1:]], [result.ids], keep_logits=True)
        loop = find_loop([*draft.ids, *result.ids])
        if loop is not None and loop.end == len(draft.ids) + len(result.ids):
            start = max(0, loop.start - len(draft.ids))  # it may begin within the prompt
            loop = replace(loop, start=start, end=len(result.ids))
        else:
            loop = None
        explanations.append(TextExplanation(heading, prompt, choices_of(reading, model.tokenizer), loop))
    return explanations


def running_mean(values: Sequence[float]) -> list[float]:
    """A smooth curve through values: of each and those around it, a fortieth of all, the mean."""
    around = max(4, len(values) // 80)
    sums = [0.0, *accumulate(values)]
    places = ((max(0, place - around), min(len(values), place + around + 1)) for place in range(len(values)))
    return [(sums[end] - sums[start]) / (end - start) for start, end in places]


def summary(explanation: TextExplanation) -> str:
    """In a line what there is to see."""
    bits = explanation.bits
    mean = sum(bits) / len(bits) if bits else 0.0
    parts = [
        explanation.heading,
        f"{len(bits):,} tokens, entropy {mean:.1f} bits a token (of the model's choice, at temperature 1)",
    ]
    if loop := explanation.loop:
        parts.append(f"from token {loop.start + 1:,} on it goes round in circles of {loop.period:,}")
    return "  ·  ".join(filter(None, parts))

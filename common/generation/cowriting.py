"""Writing a text together with a language model: what it offers, and what its partner may say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from common.generation.streaming import count_needed

if TYPE_CHECKING:
    from common.constraints import Constraints
    from common.generation.draft import Draft
    from common.generation.model import LanguageModel
    from common.result import Result
    from common.sampling import Sampling

# Up to three words of a line, the last of which is complete.
_PHRASE = re.compile(r"\s*\S+(?:[^\S\n]+\S+){0,2}(?=\s)")
_WORD = re.compile(r"\s*\S+")
_PHRASE_TOKENS = {"character": 28, "byte-pair": 12, "word": 6}
# Samples for each offer: some begin with the same word.
_SAMPLES = 8
_SENTENCE = re.compile(r"\w[^.!?…]*[.!?…]+['\"”’)\]]*(?=\s)")
_CLOSING = ".,;:!?…)]}'’”-–—"


@dataclass(frozen=True)
class Offer:
    """Some words that may come next.

    Attributes:
        text: As they are added, with the space or line break before them.
        probability: That the model gives to their first word (with what stands before it).
    """

    text: str
    probability: float


@dataclass(frozen=True)
class Partner:
    """A language model to write together with.

    Attributes:
        model: Reads and writes.
        sampling: How it does; the same draft always gets the same answer by a seed.
        constraints: What it writes must be like.
        length: Most tokens of a sentence.
        stop: A sentence ends before the first of these texts in it.
    """

    model: LanguageModel
    sampling: Sampling
    constraints: Constraints
    length: int = 300
    stop: tuple[str, ...] = ()

    def offers(self, draft: Draft, count: int = 4, again: int = 0) -> list[Offer]:
        """The phrases that begin with the likeliest words, the likeliest first.

        They are the best of some samples: each goes on from its word as the likeliest of these does.

        Args:
            draft: What they continue.
            count: How many; fewer if the model has no more in mind.
            again: Another number gives others.
        """
        sampling = replace(self._sampling(draft), count=_SAMPLES * count)
        sampling = replace(sampling, seed=sampling.seed + 1_000_003 * again)
        length = _PHRASE_TOKENS[self.model.tokenizer.kind]
        first = self.model.generate(draft, length, sampling, self.constraints)
        likeliest: dict[str, tuple[float, Offer]] = {}
        for each in (first, *first.alternatives):
            phrase = _match(_PHRASE, each.text[len(draft.text) :])
            word = _match(_WORD, phrase)
            score = _log_probability(each, len(phrase))
            # The space after it, where that is a token of its own, tells "so" from the beginning of "soon".
            chance = _log_probability(each, len(word) + (self.model.tokenizer.kind == "character"))
            offer = Offer(phrase, math.exp(chance))
            key = word.strip().casefold()
            if key and (key not in likeliest or likeliest[key][0] < score):
                likeliest[key] = score, offer
        offers = (offer for _, offer in likeliest.values())
        return sorted(offers, key=lambda offer: -offer.probability)[:count]

    def sentence(self, draft: Draft) -> Iterator[str]:
        """What the model writes to the end of a sentence, piece by piece."""
        sampling = self._sampling(draft)
        return sentence(self.model.stream(draft, self.length, sampling, self.constraints, self.stop))

    def _sampling(self, draft: Draft) -> Sampling:
        """Each place of the text has random numbers of its own."""
        return replace(self.sampling, seed=self.sampling.seed + len(draft.ids))


def _match(pattern: re.Pattern[str], text: str) -> str:
    """What the text begins with; all of it where no word of it is complete."""
    found = pattern.match(text)
    return found[0] if found else text


def _log_probability(result: Result, length: int) -> float:
    """Of the first ``length`` characters that were written."""
    return sum(result.log_probabilities[: count_needed(result.tokens, length)])


def sentence(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces of a text up to the end of its first sentence; the space after it is not part of it."""
    text, given = "", 0
    for piece in pieces:
        text += piece
        if found := _SENTENCE.search(text):
            yield text[given : max(given, found.end())]
            return
        yield piece
        given = len(text)


def joined(text: str, typed: str) -> str:
    """What is to be added to a text when somebody types something: mostly with a space before it."""
    if not text or text[-1].isspace() or typed[:1].isspace() or typed[:1] in _CLOSING:
        return typed
    return " " + typed


@dataclass(frozen=True)
class Wish:
    """What somebody who types a line wants.

    Attributes:
        kind: What is to be done.
        argument: The text to add, the number of the offer to take, the file to save to, or what
            is wrong with the line.
    """

    kind: Literal["take", "add", "go on", "other", "undo", "save", "help", "quit", "wrong"]
    argument: str = ""


def understand(line: str, offers: int) -> Wish:
    r"""What a line means when there are so many ``offers``; ``\n`` in a text is a line break.

    A line that begins with a space is always text.
    """
    if not line.strip():
        return Wish("go on")
    if line.strip().isdecimal() and line[0] != " ":
        if 1 <= int(line) <= offers:
            return Wish("take", str(int(line)))
        which = f"there are offers 1 to {offers}" if offers else "there are no offers"
        return Wish("wrong", f"{which}; to write a number, type a space before it")
    if not line.startswith("/"):
        return Wish("add", line.replace("\\n", "\n"))
    command, _, argument = line.strip().partition(" ")
    match command:
        case "/other":
            return Wish("other")
        case "/undo":
            return Wish("undo")
        case "/save" if argument.strip():
            return Wish("save", argument.strip())
        case "/save":
            return Wish("wrong", "/save needs the name of a file, such as /save story.txt")
        case "/help":
            return Wish("help")
        case "/quit":
            return Wish("quit")
    return Wish("wrong", f"there is no {command}; /help says what there is")

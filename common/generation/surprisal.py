"""How surprising a text is to a language model, token by token, and where it is most so."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import nlargest
from itertools import accumulate

import torch
from torch import Tensor

from common.generation.model import LanguageModel
from common.generation.score import TextScore
from common.tokenizer import Tokenizer


@dataclass(frozen=True)
class Surprisal:
    """A piece of text as the model has read it.

    Attributes:
        text: The piece.
        line: The number of the line that it begins in.
        nats: For each character how surprising the token was that ends there: its negative
            natural log-probability, 0 within a token.
        score: Of the whole piece.
    """

    text: str
    line: int
    nats: list[float]
    score: TextScore


@dataclass(frozen=True)
class Passage:
    """A stretch of text.

    Attributes:
        text: Whole words.
        line: The number of the line that it begins in.
        nats_per_character: How surprising it is.
    """

    text: str
    line: int
    nats_per_character: float


@torch.inference_mode()
def read_surprised(
    model: LanguageModel, pieces: Iterable[tuple[int, str]], chunk: int = 512
) -> Iterator[Surprisal]:
    """Read a text piece by piece, with the state carried from the first to the last.

    Args:
        model: Who reads.
        pieces: As :func:`common.generation.text.read_pieces` yields them, none of them empty.
        chunk: Tokens to read in one call; does not change the result.
    """
    state, last = model.decoder.start_empty(1), Tokenizer.BOS
    for line, text in pieces:
        # Byte pairs begin every text with a space: here it is the one that parts two words.
        cut = int(model.tokenizer.kind == "byte-pair" and last != Tokenizer.BOS and text.startswith(" "))
        spans = model.tokenizer.spans(text[cut:])
        ids = [id_ for id_, _ in spans]
        tokens = torch.tensor([[last, *ids]], device=model.device)
        nats, total = [0.0] * len(text), 0.0
        for start in range(0, len(ids), chunk):
            features, state, _ = model.decoder.read(tokens[:, start:-1][:, :chunk], state)
            found = _nats(model, features[0], tokens[0, start + 1 :][:chunk]).tolist()
            for surprise, (_, (_, end)) in zip(found, spans[start : start + chunk], strict=True):
                nats[max(0, cut + end - 1)] += surprise
            total += sum(found)
        last = ids[-1] if ids else last
        unknown = [end - begin for id_, (begin, end) in spans if id_ == Tokenizer.UNK]
        score = TextScore(total, len(ids), len(text), len(text.split()), len(unknown), sum(unknown))
        yield Surprisal(text, line, nats, score)


def _nats(model: LanguageModel, features: Tensor, targets: Tensor) -> Tensor:
    """How surprising each target is, (length,), after features (length, embedding_size)."""
    logits = model.decoder.logits(features).float()
    return logits.logsumexp(1) - logits.gather(1, targets.unsqueeze(1)).squeeze(1)


def evaluate_text(
    model: LanguageModel, pieces: Iterable[tuple[int, str]], passages: int = 0, width: int = 60
) -> tuple[TextScore, list[Passage]]:
    """How well the model foresees a text, with the state carried from first to last, and where it does not.

    A passage is as many words as are at least ``width`` characters long, with what is between
    them. Those that go from one piece of the text into the next are not looked at.

    Args:
        model: Who reads.
        pieces: As :func:`common.generation.text.read_pieces` yields them, at least one.
        passages: How many to return at most.
        width: Fewest characters of a passage.

    Returns:
        The score of the whole, and the passages of the highest surprisal a character, that
        first; no two of them overlap.
    """
    scores, best = list[TextScore](), list[Passage]()
    for each in read_surprised(model, pieces):
        scores = [score + each.score for score in scores] or [each.score]
        found = [*best, *_passages(each, passages, width)]
        best = nlargest(passages, found, key=lambda passage: passage.nats_per_character)
    (score,) = scores
    return score, best


def _passages(surprisal: Surprisal, count: int, width: int) -> Iterator[Passage]:
    """The passages of one piece, at most ``count``."""
    text, sums = surprisal.text, list(accumulate(surprisal.nats, initial=0.0))
    # What has no spaces for long is cut all the same.
    words = [match.span() for match in re.finditer(rf"\S{{1,{width}}}", text)]
    windows, last = list[tuple[float, int, int]](), 0
    for start, _ in words:
        while last < len(words) - 1 and words[last][1] - start < width:
            last += 1
        end = words[last][1]
        if end - start >= width or not windows:  # a text may be shorter than a passage
            windows.append(((sums[end] - sums[start]) / (end - start), start, end))
    taken: list[tuple[int, int]] = []
    for mean, start, end in sorted(windows, key=lambda window: -window[0]):
        if len(taken) < count and all(end <= first or start >= after for first, after in taken):
            taken.append((start, end))
            yield Passage(text[start:end], surprisal.line + text.count("\n", 0, start), mean)

"""What captioning, translating and generating return."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from common.search import Hypothesis
from common.tokenizer import Tokenizer


@dataclass(frozen=True)
class Result:
    """One text that a model wrote.

    Attributes:
        text: The text.
        score: Its natural log-probability under the model.
        tokens: Its pieces, readable; the end-of-sentence last if it was reached.
        log_probabilities: Natural log-probability of each of ``tokens``.
        alternatives: The other texts, if more than one was asked for, best first.
        language: Of what was translated, if it had to be found out.
        ids: Of each of ``tokens``.
    """

    text: str
    score: float = 0.0
    tokens: tuple[str, ...] = ()
    log_probabilities: tuple[float, ...] = ()
    alternatives: tuple["Result", ...] = ()
    language: str = ""
    ids: tuple[int, ...] = ()


def make_result(hypotheses: Sequence[Hypothesis], tokenizer: Tokenizer, prompt: Sequence[int] = ()) -> Result:
    """The first hypothesis as a result, the others as its alternatives.

    Their texts begin with that of ``prompt``, the tokens that the hypotheses continue; their scores do not.
    """
    first, *others = (_one(hypothesis, tokenizer, prompt) for hypothesis in hypotheses)
    return replace(first, alternatives=tuple(others))


def _one(hypothesis: Hypothesis, tokenizer: Tokenizer, prompt: Sequence[int]) -> Result:
    ids = (*hypothesis.tokens, *[tokenizer.EOS] * hypothesis.finished)
    # Decoded together: whether a space stands before a word depends on whether something else does.
    text = tokenizer.decode([*prompt, *hypothesis.tokens])
    return Result(text, hypothesis.score, tuple(tokenizer.pieces(ids)), hypothesis.log_probabilities, ids=ids)

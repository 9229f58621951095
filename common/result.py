"""What captioning, translating and generating return."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from common.search import Hypothesis
from common.tokenizer import Tokenizer
from common.tokenizer_kinds import BASIC_TOKENS, EOS


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

    def every(self) -> tuple["Result", ...]:
        """This one and its alternatives, none of which has others."""
        return (replace(self, alternatives=()), *self.alternatives)


def make_result(hypotheses: Sequence[Hypothesis], tokenizer: Tokenizer, prompt: Sequence[int] = ()) -> Result:
    """The first hypothesis as a result, the others as its alternatives.

    Their texts begin with that of ``prompt``, the tokens that the hypotheses continue; their scores do not.
    """
    first, *others = (_one(hypothesis, tokenizer, prompt) for hypothesis in hypotheses)
    return replace(first, alternatives=tuple(others)) if others else first


def in_order(results: Sequence[Result], ranks: Sequence[float], count: int) -> Result:
    """The ``count`` results that rank highest; as in a beam, those cut off by the length limit come last."""
    finished = [each.tokens[-1:] == (BASIC_TOKENS[EOS],) for each in results]
    order = sorted(range(len(results)), key=lambda row: (finished[row], ranks[row]), reverse=True)
    first, *rest = (results[row] for row in order[:count])
    return replace(first, alternatives=tuple(rest))


def _one(hypothesis: Hypothesis, tokenizer: Tokenizer, prompt: Sequence[int]) -> Result:
    ids = (*hypothesis.tokens, *[tokenizer.EOS] * hypothesis.finished)
    # Decoded together: whether a space stands before a word depends on whether something else does.
    text = tokenizer.decode([*prompt, *hypothesis.tokens])
    return Result(text, hypothesis.score, tuple(tokenizer.pieces(ids)), hypothesis.log_probabilities, ids=ids)

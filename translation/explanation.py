"""What a translation looked at while it was written."""

from dataclasses import dataclass, replace

from common.choices import Choices
from common.choices import by_words as choices_by_words
from common.words import text_of, words_of

STRONG = 0.5
"""Attention from which on a shade is so dark that writing on it is white."""


@dataclass(frozen=True)
class Explanation:
    """One translation, and what was looked at for each of its pieces.

    Attributes:
        source: Readable pieces of the source, as those of ``choices``.
        choices: The pieces of the translation; their attention has a column for each piece of the source.
        source_language: Such as ``"de"``.
        target_language: Such as ``"en"``.
    """

    source: tuple[str, ...]
    choices: Choices
    source_language: str
    target_language: str

    def __post_init__(self) -> None:
        if any(len(row) != len(self.source) for row in self.attention):
            raise ValueError("an explanation must have a column of attention for each piece of the source")

    @property
    def attention(self) -> tuple[tuple[float, ...], ...]:
        """How much each piece written looked at each piece read, (target, source)."""
        if self.choices.attention is None:
            raise ValueError("an explanation of a translation must have attention")
        return self.choices.attention


def by_words(explanation: Explanation) -> Explanation:
    """Merge pieces into words on both sides, as :func:`common.choices.by_words` does.

    A column of attention is the sum over the source word's pieces.
    """
    columns = words_of(explanation.source)
    summed = tuple(
        tuple(sum(row[column.start : column.stop]) for column in columns) for row in explanation.attention
    )
    return replace(
        explanation,
        source=tuple(text_of(explanation.source, column) for column in columns),
        choices=choices_by_words(replace(explanation.choices, attention=summed)),
    )


def shade(attention: float) -> float:
    """How dark to draw attention, 0 to 1: a little darker than in proportion, so that the weak shows too."""
    return float(min(1.0, attention) ** 0.75)

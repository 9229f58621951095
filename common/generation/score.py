"""How well a language model foresees a text, in figures."""

import math
from dataclasses import dataclass

SPELLED = math.log(96)
"""Nats that each character of an unknown token counts: as if any of the printable ones could come."""


@dataclass(frozen=True)
class TextScore:
    """How well a language model predicts a text.

    Attributes:
        nats: Summed negative natural log-probability of all tokens.
        tokens: How many there are.
        characters: Code points that they stand for.
        words: How many words these make, parted by white space.
        unknown: Tokens that the vocabulary lacks. What they are was not asked of the model, only that
            one comes.
        unknown_characters: Those of these tokens. So that figures can be compared, each counts
            :data:`SPELLED` nats besides, other than in the perplexity a token.

    Raises:
        ValueError: There is no token or no character.
    """

    nats: float
    tokens: int
    characters: int
    words: int
    unknown: int = 0
    unknown_characters: int = 0

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.characters < 1:
            raise ValueError(f"tokens and characters must be positive, got {self.tokens}, {self.characters}")

    def __add__(self, other: "TextScore") -> "TextScore":
        """The score of two parts of a text."""
        return TextScore(
            self.nats + other.nats,
            self.tokens + other.tokens,
            self.characters + other.characters,
            self.words + other.words,
            self.unknown + other.unknown,
            self.unknown_characters + other.unknown_characters,
        )

    @property
    def nats_spelled(self) -> float:
        """With the spelling of what is unknown."""
        return self.nats + SPELLED * self.unknown_characters

    @property
    def nats_per_character(self) -> float:
        """Comparable between tokenizers, unlike perplexity."""
        return self.nats_spelled / self.characters

    @property
    def bits_per_character(self) -> float:
        """Nats per character divided by ln 2."""
        return self.nats_per_character / math.log(2)

    @property
    def perplexity(self) -> float:
        """Exponential of the nats per token."""
        return math.exp(self.nats / self.tokens)

    @property
    def word_perplexity(self) -> float:
        """Exponential of the nats per word, whatever the tokens are: comparable too.

        Infinite where it is too large a number, as for a text without spaces.
        """
        exponent = self.nats_spelled / max(1, self.words)
        return math.exp(exponent) if exponent < 700 else math.inf

    def __str__(self) -> str:
        character = f"{self.nats_per_character:.4f} nats, {self.bits_per_character:.4f} bits a character"
        perplexity = f"perplexity {self.perplexity:.2f} a token, {self.word_perplexity:.4g} a word"
        if not self.unknown:
            return f"{character}; {perplexity}"
        return (
            f"{character}; {perplexity}; {self.unknown:,} of {self.tokens:,} tokens were unknown: "
            f"each of their {self.unknown_characters:,} characters counts {SPELLED:.2f} nats, as one of 96"
        )

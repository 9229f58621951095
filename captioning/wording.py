"""How captions are worded: what the scores do not see, such as a model that mumbles."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from captioning.variety import says_twice
from common.metrics import caption_words

# Articles, prepositions and conjunctions after which a caption is hardly complete. People end with
# some of them too ("looks on"), so that theirs is what a share is to be seen beside.
UNFINISHED = {
    "en": "a an the of in on at to from with into onto for near next between while as and or but is are",
    "de": "ein eine einen einem einer eines der die das den dem des und oder aber während als wie mit von "
    "vom zum zur in im ins auf am bei beim für über unter neben hinter zwischen gegen",
}
"""By language, the words that end no caption."""


@dataclass(frozen=True)
class Wording:
    """How a set of captions is worded.

    Attributes:
        captions: How many there are.
        distinct_captions: How many different ones, after ``caption_words``.
        distinct_words: How many different words they use.
        mean_words: Words of a caption.
        looping: The share, from 0 to 1, that says a phrase of 1 to 4 words twice in a row.
        unfinished: The share that ends on an article, a preposition or a conjunction; None for a
            language whose words are not known.
    """

    captions: int
    distinct_captions: int
    distinct_words: int
    mean_words: float
    looping: float
    unfinished: float | None

    def beside(self, people: "Wording") -> str:
        """In two lines of words, with the figures of people's captions where these compare."""
        lines = [
            f"{self.distinct_captions} distinct captions of {self.captions}, {self.distinct_words} distinct "
            f"words, {self.mean_words:.1f} words on average (people: {people.mean_words:.1f})",
            f"{self.looping:.1%} say a phrase twice in a row (people: {people.looping:.1%})",
        ]
        if self.unfinished is not None:
            lines[1] += f", {self.unfinished:.1%} end unfinished (people: {people.unfinished:.1%})"
        return "\n".join(lines)

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def wording(captions: Sequence[str], language: str = "en") -> Wording:
    """How captions in a language are worded; raises ValueError if there are none."""
    if not captions:
        raise ValueError("captions must not be empty")
    words = [caption_words(caption) for caption in captions]
    last = [caption[-1] for caption in words if caption]
    ends = UNFINISHED[language].split() if language in UNFINISHED else None
    return Wording(
        captions=len(words),
        distinct_captions=len(set(map(tuple, words))),
        distinct_words=len({word for caption in words for word in caption}),
        mean_words=sum(map(len, words)) / len(words),
        looping=sum(map(says_twice, words)) / len(words),
        unfinished=sum(word in ends for word in last) / len(words) if ends else None,
    )

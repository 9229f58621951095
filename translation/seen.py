"""What a translator has seen in training: by that it tells words to translate from names to carry over."""

import re
from collections import Counter
from collections.abc import Collection

import torch
from torch import Tensor

from common.tokenizer import Tokenizer
from common.tokenizer_kinds import BYTES
from translation.placeholders import PLACEHOLDERS

OFTEN = 3
"""As often as this a word must have come."""

PART = 3
"""Letters that each of the two words has at least which a German one is put together from."""

_WORD = re.compile(r"[^\W\d_]+")


def seen_characters(texts: Collection[str]) -> str:
    """Those that come at least once in a million characters: a model learns nothing from rarer ones."""
    counts = Counter[str]()
    for text in texts:
        counts.update(text)
    total = counts.total()
    return "".join(sorted(character for character, count in counts.items() if count * 1_000_000 >= total))


def seen_words(texts: Collection[str]) -> str:
    """In lower case, with spaces between: the words that come often enough."""
    counts = Counter(word for text in texts for word in _WORD.findall(text.lower()))
    return " ".join(sorted(word for word, count in counts.items() if count >= OFTEN))


def seen_tokens(texts: Collection[str], tokenizer: Tokenizer) -> Tensor:
    """The byte pairs that such texts are written with, bool (vocabulary_size,).

    Among them are the end-of-sentence, placeholders, and single bytes, which spell whatever else there is.
    """
    seen = torch.zeros(len(tokenizer), dtype=torch.bool)
    single = len(tokenizer.special_tokens)
    seen[single : single + BYTES] = True
    for ids in tokenizer.encode_batch([*texts, *PLACEHOLDERS]):
        seen[ids] = True
    seen[Tokenizer.EOS] = True
    return seen


def is_seen(word: str, language: str, words: Collection[str]) -> bool:
    """Whether a model with these ``words`` on record can be expected to translate a word."""
    word = word.lower()
    # A model that has none on record takes all for known.
    return not words or word in words or (language == "de" and _is_compound(word, words))


def _is_compound(word: str, words: Collection[str]) -> bool:
    """Whether two known words make it, perhaps with an "s" between: "Baustelle", "Freiheitsstatue"."""
    cuts = range(PART, len(word) - PART + 1)
    return any(
        word[cut:] in words and (word[:cut] in words or word[:cut].removesuffix("s") in words) for cut in cuts
    )

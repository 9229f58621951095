"""What a translator has seen in training: by that it tells words to translate from names to carry over."""

import re
from collections import Counter
from collections.abc import Collection

from common.tokenizer import Tokenizer

OFTEN = 3
"""As often as this a word must have come."""

SHORT = 2
"""Words of so many tokens at most are taken for seen: only common ones have a form as short."""

_WORD = re.compile(r"[^\W\d_]+")


def seen_characters(texts: Collection[str]) -> str:
    """Those that come at least once in a million characters: a model learns nothing from rarer ones."""
    counts = Counter[str]()
    for text in texts:
        counts.update(text)
    total = counts.total()
    return "".join(sorted(character for character, count in counts.items() if count * 1_000_000 >= total))


def seen_words(texts: Collection[str], tokenizer: Tokenizer) -> str:
    """In lower case, with spaces between: the words that come often enough and are not short."""
    counts = Counter(word for text in texts for word in _WORD.findall(text.lower()))
    often = sorted(word for word, count in counts.items() if count >= OFTEN)
    lengths = map(len, tokenizer.encode_batch(often))
    return " ".join(word for word, length in zip(often, lengths, strict=True) if length > SHORT)


def is_seen(word: str, tokenizer: Tokenizer, language: str, words: Collection[str]) -> bool:
    """Whether a model with these ``words`` on record can be expected to translate a word."""
    tokens = len(tokenizer.encode(word))
    # German words are put together from others, which the model may know.
    is_compound = language == "de" and len(word) / tokens >= 2.5
    return tokens <= SHORT or is_compound or word.lower() in words

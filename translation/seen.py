"""What a translator has seen in training: by that it tells words to translate from names to carry over."""

import re
from collections import Counter
from collections.abc import Collection, Iterable

import torch
from torch import Tensor

from common.tokenizer import Tokenizer
from common.tokenizer_kinds import BYTES
from data.records import SentencePair
from translation.placeholders import PLACEHOLDERS

OFTEN = 3
"""As often as this a word must have come."""

MANY = 100
"""Seen so often, a name is learned like any word."""

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


def seen_names(pairs: Iterable[SentencePair]) -> str:
    """With spaces between, as they are written: capitalised words that most translations keep.

    In each pair of languages where they come, as "April" is kept in German, but in French is "avril". Of
    those that come more often a model learns itself what becomes of them, and rarer ones are unknown to it.
    """
    count, kept, small = Counter[str](), Counter[str](), Counter[str]()
    lost = Counter[tuple[str, str]]()  # kept seldom, above 0
    for languages, first, second in set(map(_either_way, pairs)):
        one, other = set(_WORD.findall(first)), set(_WORD.findall(second))
        small.update(word for word in one | other if word.islower())
        for word in (word for word in one | other if len(word) > 1 and word[0].isupper()):
            stays = word in one and word in other
            count[word] += 1
            kept[word] += stays
            lost[languages, word] += -1 if stays else 1
    translated = {word for (_, word), times in lost.items() if times > 0}
    return " ".join(
        sorted(
            word
            for word, times in count.items()
            if OFTEN <= times < MANY
            and 2 * kept[word] > times > small[word.lower()]
            and word not in translated
        )
    )


def _either_way(pair: SentencePair) -> tuple[str, str, str]:
    """Languages and texts, the same for a pair that is learned the other way too."""
    sides = sorted([(pair.source_language, pair.source), (pair.target_language, pair.target)])
    return "-".join(language for language, _ in sides), sides[0][1], sides[1][1]


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

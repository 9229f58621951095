"""Placeholders: what a model cannot know is carried over from the source to the translation."""

import re
from random import Random

PLACEHOLDERS = "①②③④⑤⑥⑦⑧⑨"
"""They stand in a sentence like any word: nobody writes them, and no tokenizer glues them to others."""

_SHARED = re.compile(r"\d+(?:[.,:/]\d+)*|(?<!\w)[^\W\d_a-zà-ž]\w+(?!\w)")


def mask_shared(source: str, target: str, random: Random) -> tuple[str, str]:
    """Put placeholders for the numbers and capitalised words that both sides have once.

    A model that has learned from such pairs leaves a placeholder where it belongs.
    Source: Luong et al., 2015, arXiv:1410.8206, section 3 ("copyable" unknown words).
    """
    theirs = _SHARED.findall(target)
    shared = [
        word
        for word in _SHARED.findall(source)
        if theirs.count(word) == 1 and source.count(word) == 1 and target.count(word) == 1
    ]
    for word, placeholder in zip(shared, random.sample(PLACEHOLDERS, len(PLACEHOLDERS)), strict=False):
        source, target = source.replace(word, placeholder), target.replace(word, placeholder)
    return source, target

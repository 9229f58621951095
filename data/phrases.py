"""Phrases of letters and of every day in four languages, written for this project.

Sentences about photographs and those of textbooks hardly have them. In place of names stand the placeholders
that a translator carries names over with.
"""

from pathlib import Path
from random import Random

from common.files import read_lines

LANGUAGES = ("en", "de", "fr", "cs")
_PHRASES = Path(__file__).parent / "phrases.tsv"
# What a translator reads in place of a name that it does not know; and one that it does know.
_NAMES = (*"①②③④⑤⑥⑦⑧⑨", "Tom")


def phrases(each: int, seed: int = 0) -> list[tuple[str, ...]]:
    """Every phrase in all of :data:`LANGUAGES`, ``each`` times with other names in it, if it has any."""
    random = Random(seed)
    _, *rows = read_lines(_PHRASES)
    made = []
    for row in rows:
        for _ in range(each):
            name, other, place = random.sample(_NAMES, 3)
            filled = row.format(name=name, other=other, place=place, number=random.randint(2, 30))
            made.append(tuple(filled.split("\t")))
    return list(dict.fromkeys(made))

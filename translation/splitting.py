"""What to learn from and what to measure on; the second is split off the first where none is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from common.errors import InputError
from data.records import SentencePair
from translation.recipe import PairFiles, TranslatorRecipe

_SHARE, _MOST = 0.05, 1000


@dataclass(frozen=True)
class Collection:
    """Pairs of sentences and the files that they come from."""

    files: PairFiles
    pairs: Sequence[SentencePair]


def read_collections(recipe: TranslatorRecipe) -> tuple[list[Collection], list[Collection]]:
    """The collections to learn from and those to measure on, each in both directions if so set.

    Raises:
        InputError: A file cannot be read, or nothing can be split off.
    """
    shown = [Collection(files, files.read()) for files in recipe.pairs]
    if recipe.validation:
        return shown, [Collection(files, files.read()) for files in recipe.validation]
    return hold_out(shown)


def hold_out(collections: Sequence[Collection]) -> tuple[list[Collection], list[Collection]]:
    """Split 5 % of the pairs off, at most 1,000, so that no sentence is on both sides.

    Pairs that have a sentence in common, on whichever side, stay together: all translations
    of a sentence are learned from, or none is. The same pairs are split the same way.

    Raises:
        InputError: All pairs hang together.
    """
    groups = _groups([pair for collection in collections for pair in collection.pairs])
    # Both directions of a pair are one pair.
    sizes = [len({frozenset((pair.source, pair.target)) for pair in group}) for group in groups]
    wanted = min(_MOST, max(1, round(_SHARE * sum(sizes))))
    order = list(range(len(groups)))
    Random(0).shuffle(order)
    held_out: set[SentencePair] = set()
    for place in order:
        # The last pair is left to learn from.
        if sizes[place] <= wanted and len(groups) > 1:
            wanted -= sizes[place]
            held_out.update(groups[place])
    if not held_out:
        raise InputError(
            f"{collections[0].files.source}: no pairs to validate on can be split off, as they are too few "
            f"or all share sentences; give more pairs, or other files for validation"
        )
    parts = (
        [
            Collection(each.files, [pair for pair in each.pairs if (pair in held_out) == held])
            for each in collections
        ]
        for held in (False, True)
    )
    shown, kept = ([each for each in part if each.pairs] for part in parts)
    return shown, kept


def _groups(pairs: Sequence[SentencePair]) -> list[list[SentencePair]]:
    """The pairs, those together that share a sentence, directly or through others (union-find)."""
    parent: dict[str, str] = {}

    def root(sentence: str) -> str:
        while parent.setdefault(sentence, sentence) != sentence:
            parent[sentence] = parent[parent[sentence]]
            sentence = parent[sentence]
        return sentence

    for pair in pairs:
        parent[root(_folded(pair.source))] = root(_folded(pair.target))
    groups: dict[str, list[SentencePair]] = {}
    for pair in pairs:
        groups.setdefault(root(_folded(pair.source)), []).append(pair)
    return list(groups.values())


def _folded(sentence: str) -> str:
    """What makes two sentences the same: neither capitals nor white space."""
    return " ".join(sentence.casefold().split())

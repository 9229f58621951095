import re
from pathlib import Path

import pytest

from common.errors import InputError
from data.records import SentencePair
from translation.recipe import PairFiles
from translation.splitting import Collection, hold_out


def pair(source, target):
    return SentencePair(source, target, "de", "en")


def turned(each):
    return SentencePair(each.target, each.source, each.target_language, each.source_language)


def collection(pairs, name="a.tsv"):
    return Collection(PairFiles(Path(name), "de", "en"), pairs)


def many(count, name=""):
    return [pair(f"Satz {name}{n}", f"sentence {name}{n}") for n in range(count)]


def all_pairs(collections):
    return [each for part in collections for each in part.pairs]


def sentences(pairs):
    return {" ".join(text.casefold().split()) for each in pairs for text in (each.source, each.target)}


@pytest.mark.parametrize(
    ("count", "held"), [(2, 1), (10, 1), (100, 5), (110, 6), (20_000, 1000), (40_000, 1000)]
)
def test_a_twentieth_at_most_a_thousand(count, held):
    shown, kept = hold_out([collection(many(count))])
    assert len(all_pairs(kept)) == held
    assert sorted(all_pairs([*shown, *kept]), key=lambda each: each.source) == sorted(
        many(count), key=lambda each: each.source
    )


def test_both_directions_of_a_pair_are_one():
    pairs = many(100)
    shown, kept = hold_out([collection([*pairs, *map(turned, pairs)])])
    found = all_pairs(kept)
    assert len(found) == 10
    assert {turned(each) for each in found} == set(found)
    assert len(all_pairs(shown)) == 190


def test_no_sentence_is_on_both_sides():
    """Whatever its capitals and spaces, and on whichever side it stands, in whichever collection."""
    pairs = [pair(f"Satz {n // 3}", f"sentence {n}") for n in range(300)]
    others = [pair(f"SATZ  {n}", f"phrase {n}") for n in range(50)]
    swapped = [pair(f"sentence {3 * n}", f"ordning {n}") for n in range(40)]
    shown, kept = hold_out([collection(pairs), collection(others, "b.tsv"), collection(swapped, "c.tsv")])
    assert all_pairs(kept)
    assert not sentences(all_pairs(shown)) & sentences(all_pairs(kept))
    assert len(all_pairs(kept)) + len(all_pairs(shown)) == 390


def test_the_split_is_always_the_same_and_each_part_keeps_its_files():
    collections = [collection(many(200)), collection(many(200, "b"), "b.tsv")]
    first, second = hold_out(collections), hold_out(collections)
    assert first == second
    assert [each.files.source.name for each in first[0]] == ["a.tsv", "b.tsv"]
    for part in first[1]:
        assert all(("b" in each.source) == (part.files.source.name == "b.tsv") for each in part.pairs)


@pytest.mark.parametrize(
    "pairs", [many(1), [pair("ja", f"yes {n}") for n in range(50)]], ids=["one pair", "one sentence"]
)
def test_nothing_to_split_off(pairs):
    message = re.escape(
        "a.tsv: no pairs to validate on can be split off, as they are too few or all share sentences"
    )
    with pytest.raises(InputError, match=rf"^{message}; give more pairs, or other files"):
        hold_out([collection(pairs)])

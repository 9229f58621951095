from random import Random

import pytest

from data.records import SentencePair
from translation.dictionary import Dictionary
from translation.swapping import Swaps

WORDS = {"barrel": "Fass", "towel": "Gras", "angel": "bis", "walking": "läuft", "talking": "spricht"}
SWAPS = Swaps(Dictionary({"en-de": WORDS, "de-en": {"fass": "barrel", "bass": "towel"}}))


def swapped(source, target, languages=("en", "de"), seeds=30):
    pair = SentencePair(source, target, *languages)
    found = [SWAPS.swapped(pair, Random(seed)) for seed in range(seeds)]
    return {(each.source, each.target) for each in found}


def test_words_that_end_alike_stand_for_each_other_on_both_sides():
    source, target = "The barrel{ Fass} is old.", "Das Fass ist alt, Fassbier."
    assert swapped(source, target) == {
        (source, target),
        ("The towel{ Gras} is old.", "Das Gras ist alt, Fassbier."),
    }


def test_any_of_several_hints_and_one_at_a_time():
    source, target = "Barrel{ Fass}, walking{ läuft}", "Fass läuft"
    assert swapped(source, target) == {
        (source, target),
        ("Towel{ Gras}, walking{ läuft}", "Gras läuft"),
        ("Barrel{ Fass}, talking{ spricht}", "Fass spricht"),
    }


def test_a_direction_of_its_own():
    assert ("Der Bass{ towel}.", "The towel.") in swapped("Der Fass{ barrel}.", "The barrel.", ("de", "en"))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("The barrel is old.", "Das Fass ist alt."),
        ("The barrel{ Fass}.", "Die Tonne."),
        ("The barrel{ Fass}.", "Fass und Fass."),
        ("The panel{ Tafel}.", "Die Tafel."),
        ("", ""),
    ],
)
def test_what_has_no_place_for_another_stays(source, target):
    assert swapped(source, target) == {(source, target)}


def test_signs_in_translations_are_no_patterns():
    swaps = Swaps(Dictionary({"en-de": {"oil": "a.b\\1*", "soil": "c\\g<0>*"}}))
    pair = SentencePair("oil{ a.b\\1*}", "a.b\\1* aXb", "en", "de")
    found = {swaps.swapped(pair, Random(seed)).target for seed in range(9)}
    assert found == {"a.b\\1* aXb", "c\\g<0>* aXb"}

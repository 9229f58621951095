from dataclasses import replace

import pytest

from common.sampling import GREEDY
from data.records import SentencePair
from translation.model import Translator
from translation.seen import is_seen, seen_characters, seen_names, seen_words

TEXTS = [
    "Die Baustelle ist neu, die BAUSTELLE!",
    "Auf der Baustelle steht Kowalczyk.",
    "Herr Kowalczyk und die Straßenbahn: 2012er.",
]


def test_words_are_seen_if_they_come_often_in_whatever_case():
    assert seen_words(TEXTS) == "baustelle die"
    assert seen_words([*TEXTS, "Kowalczyks Freund Kowalczyk"]) == "baustelle die kowalczyk"
    assert seen_words([]) == ""


def test_names_are_what_translations_keep():
    pairs = [
        ("Peter ist hier.", "Peter is here."),
        ("Da ist Peter, in Wien.", "There is Peter, in Vienna."),
        ("Anna und Peter", "Anne and Pete"),  # Anna and Anne are never kept, Peter is, mostly
        ("Wien, Graz", "Vienna, Graz"),
        ("In Graz", "In Graz"),
        ("Nach Graz?", "To Graz?"),
        ("Nach Linz?", "To Linz?"),  # too rare
        ("Hier ist er.", "Here he is."),
        ("Sie mag Hier, hier und hier.", "She likes Hier, here and here."),  # mostly no name
        ("Er mag C.", "He likes C."),
        ("iPod", "iPod"),
    ]
    both_ways = [SentencePair(*pair, "de", "en") for pair in pairs]
    both_ways += [SentencePair(*reversed(pair), "en", "de") for pair in pairs]
    assert seen_names(both_ways) == "Graz Peter"
    french = [SentencePair("Graz", "Grats", "de", "fr")]
    assert seen_names([*both_ways, *french]) == "Peter"  # kept by most, but not in French
    assert seen_names([]) == ""


@pytest.mark.parametrize(("times", "names"), [(99, "Tom"), (100, "")])
def test_names_that_come_often_are_learned(times, names):
    assert seen_names([SentencePair(f"Tom {n}", f"Tom, {n}", "de", "en") for n in range(times)]) == names


def test_rare_characters_are_not_seen():
    assert seen_characters(["ba", "ab" * 600_000, "c"]) == "ab"
    assert seen_characters([]) == ""


def test_what_counts_as_seen():
    words = {"baustelle", "freiheit", "statue", "bau", "an"}
    for word in ("Baustelle", "baustelle", "BAUSTELLE"):
        assert is_seen(word, "xa", words), word
    assert not is_seen("Kowalczyk", "xa", words)
    assert is_seen("Kowalczyk", "xa", ())  # nothing is on record


def test_german_words_are_put_together_from_others():
    words = {"bau", "freiheit", "statue", "an", "kran"}
    for word in ("Baukran", "Freiheitsstatue", "Freiheitstatue"):
        assert is_seen(word, "de", words), word
        assert not is_seen(word, "fr", words), word
    for word in (
        "Bauan",
        "Anbau",
        "Bautor",
        "Baustatuen",
        "Baukranbau",
    ):  # too short a part, an unknown one, three
        assert not is_seen(word, "de", words), word


def test_a_seen_word_is_translated_and_an_unknown_name_carried_over(learned):
    """Both are written with a capital within a sentence."""
    assert learned.translate("Lom mir Qwertz.", "xa", "yb", GREEDY).text.endswith(" Qwertz.")
    taught = Translator(
        replace(learned.config, words=f"{learned.config.words} qwertz"), learned.tokenizer
    ).eval()
    taught.load_state_dict(learned.state_dict())
    assert "Qwertz" not in taught.translate("Lom mir Qwertz.", "xa", "yb", GREEDY).text


def test_a_first_word_is_a_name_if_it_is_on_record_or_a_usual_one(learned):
    """Others have their capital from the beginning of the sentence."""
    recorded = Translator(replace(learned.config, names="Quibble"), learned.tokenizer).eval()
    recorded.load_state_dict(learned.state_dict())
    for name, is_kept in (("Quibble", True), ("Sven", True), ("Qwertz", False)):
        assert (name in recorded.translate(f"{name} mir lom.", "xa", "yb", GREEDY).text) == is_kept, name
    known = Translator(
        replace(learned.config, words=f"{learned.config.words} sven"), learned.tokenizer
    ).eval()
    known.load_state_dict(learned.state_dict())
    assert "Sven" not in known.translate("Sven mir lom.", "xa", "yb", GREEDY).text

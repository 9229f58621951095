from dataclasses import replace

from common.sampling import GREEDY
from translation.model import Translator
from translation.seen import is_seen, seen_characters, seen_words

TEXTS = [
    "Die Baustelle ist neu, die BAUSTELLE!",
    "Auf der Baustelle steht Kowalczyk.",
    "Herr Kowalczyk und die Straßenbahn: 2012er.",
]


def test_words_are_seen_if_they_come_often_in_whatever_case():
    assert seen_words(TEXTS) == "baustelle die"
    assert seen_words([*TEXTS, "Kowalczyks Freund Kowalczyk"]) == "baustelle die kowalczyk"
    assert seen_words([]) == ""


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

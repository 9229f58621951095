from dataclasses import replace

import pytest

from common.sampling import GREEDY
from common.tokenizer import Tokenizer
from translation.model import Translator
from translation.seen import is_seen, seen_characters, seen_words

TEXTS = [
    "Die Baustelle ist neu, die BAUSTELLE!",
    "Auf der Baustelle steht Kowalczyk.",
    "Herr Kowalczyk und die Straßenbahn: 2012er.",
]


@pytest.fixture(scope="module")
def tokenizer():
    """Knows "die" in one piece and spells the rest."""
    return Tokenizer.train("byte-pair", ["die die die"], vocabulary_size=263, special_tokens=[])


def test_words_are_seen_if_they_come_often_in_whatever_case_and_are_not_short(tokenizer):
    assert len(tokenizer.encode("die")) <= 2
    assert seen_words(TEXTS, tokenizer) == "baustelle"
    assert seen_words([*TEXTS, "Kowalczyks Freund Kowalczyk"], tokenizer) == "baustelle kowalczyk"
    assert seen_words([], tokenizer) == ""


def test_rare_characters_are_not_seen():
    assert seen_characters(["ba", "ab" * 600_000, "c"]) == "ab"
    assert seen_characters([]) == ""


def test_what_counts_as_seen(tokenizer):
    words = {"baustelle"}
    for word in ("Baustelle", "baustelle", "BAUSTELLE", "die"):
        assert is_seen(word, tokenizer, "xa", words), word
    assert not is_seen("Kowalczyk", tokenizer, "xa", words)
    # Of few tokens for its length: a German compound, or whatever it may be elsewhere.
    parts = Tokenizer.train("byte-pair", ["Bahn Steig bahnsteig"] * 9, vocabulary_size=280)
    assert 2 < len(parts.encode("Bahnsteigbahn")) <= len("Bahnsteigbahn") / 2.5
    assert is_seen("Bahnsteigbahn", parts, "de", ())
    assert not is_seen("Bahnsteigbahn", parts, "fr", ())


def test_a_seen_word_is_translated_and_an_unknown_name_carried_over(learned):
    """Both are written with a capital within a sentence, and are many tokens."""
    assert learned.translate("Lom mir Qwertz.", "xa", "yb", GREEDY).text.endswith(" Qwertz.")
    taught = Translator(replace(learned.config, words="qwertz"), learned.tokenizer).eval()
    taught.load_state_dict(learned.state_dict())
    assert "Qwertz" not in taught.translate("Lom mir Qwertz.", "xa", "yb", GREEDY).text

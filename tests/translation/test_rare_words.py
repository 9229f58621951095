from random import Random

import pytest

from data.records import SentencePair
from translation import rare_words
from translation.dictionary import Dictionary, without_hints
from translation.rare_words import learn_rare_words

COMMON = {"the": "die", "big": "große", "small": "kleine", "red": "rote", "old": "alte", "new": "neue"}
RARE = {"cat": "Katze", "street": "Straße", "lamp": "Lampe", "goat": "Ziege", "door": "Tür", "cap": "Mütze"}


def sentences(count, seed=0):
    """English and German, in which each of the last words comes seldom and all others often."""
    random = Random(seed)
    for place in range(count):
        adjectives = random.sample(sorted(COMMON), 3)
        noun = sorted(RARE)[place % len(RARE)]
        first = " ".join([*adjectives, noun])
        second = " ".join([*(COMMON[each] for each in adjectives), RARE[noun]])
        yield f"{first[0].upper()}{first[1:]}.", f"{second[0].upper()}{second[1:]}."


@pytest.fixture
def seldom(monkeypatch):
    """Words that come up to ten times are rare."""
    monkeypatch.setattr(rare_words, "RARE", 10)
    monkeypatch.setattr(rare_words, "ONE_IN", 1)


def pairs_of(texts, source="en", target="de"):
    return [SentencePair(first, second, source, target) for first, second in texts]


def test_rare_words_and_only_these(seldom):
    pairs = pairs_of(sentences(60))
    dictionary, sources = learn_rare_words(pairs, Dictionary())
    assert dictionary.of("en", "de") == RARE
    assert dictionary.directions() == ["en-de"]
    for pair, source in zip(pairs, sources, strict=True):
        noun = pair.source.split()[-1].rstrip(".")
        assert source == pair.source.replace(noun, f"{noun}{{ {RARE[noun]}}}")


def test_both_directions_are_learned_from_the_same_pairs(seldom):
    texts = list(sentences(60))
    both = pairs_of(texts) + pairs_of([(second, first) for first, second in texts], "de", "en")
    dictionary, sources = learn_rare_words(both, Dictionary())
    assert dictionary.of("en", "de") == RARE
    assert dictionary.of("de", "en") == {translation.lower(): word for word, translation in RARE.items()}
    assert list(map(without_hints, sources)) == [pair.source for pair in both]
    assert sources[60:] == learn_rare_words(both[60:], Dictionary())[1]


def test_a_hint_is_what_the_other_pairs_say(seldom):
    """A word that comes once is put on record, but its own pair gets no hint from itself."""
    texts = [*sentences(60), ("The old wheel.", "Die alte Radnabe."), ("Red hut.", "Rote Hütte.")]
    texts += [("Old hut.", "Alte Bude.")]
    dictionary, sources = learn_rare_words(pairs_of(texts), Dictionary())
    assert dictionary.of("en", "de")["wheel"] == "Radnabe"
    assert sources[-3:] == ["The old wheel.", "Red hut{ Bude}.", "Old hut{ Hütte}."]


def test_what_is_known_stays(seldom):
    known = Dictionary({"en-de": {"cat": "Kater", "big": "dicke"}, "en-fr": {"cat": "chat"}})
    dictionary, sources = learn_rare_words(pairs_of(sentences(60)), known)
    assert dictionary.of("en", "de") == RARE | {"cat": "Kater", "big": "dicke"}
    assert dictionary.of("en", "fr") == {"cat": "chat"}
    assert any("cat{ Kater}" in source for source in sources)
    assert any(source.startswith("Big{ dicke} ") for source in sources)


def test_few_pairs_have_few_rare_words():
    """Of 240 words even the rarest are no rarer than what any text has."""
    dictionary, sources = learn_rare_words(pairs_of(sentences(60)), Dictionary())
    assert dictionary.of("en", "de") == {}
    assert sources == [first for first, _ in sentences(60)]


def test_a_word_with_many_translations_has_no_hint(seldom):
    texts = [*sentences(60), *(("Old thing.", f"Alte {name}.") for name in "ABCDEFGH")]
    dictionary, _ = learn_rare_words(pairs_of(texts), Dictionary())
    assert "thing" not in dictionary.of("en", "de")


def test_more_pairs_than_are_aligned(seldom, monkeypatch):
    """What is not aligned is hinted by what is."""
    monkeypatch.setattr(rare_words, "MOST_PAIRS", 48)
    texts = dict.fromkeys(sentences(90))
    pairs = pairs_of(texts)
    dictionary, sources = learn_rare_words(pairs, Dictionary())
    assert dictionary.of("en", "de") == RARE
    assert all("{ " in source for source in sources)


def test_nothing_to_learn_from():
    dictionary, sources = learn_rare_words([], Dictionary())
    assert not dictionary
    assert sources == []
    dictionary, sources = learn_rare_words(pairs_of([("12", "12"), ("", "x")]), Dictionary())
    assert dictionary.of("en", "de") == {}
    assert sources == ["12", ""]

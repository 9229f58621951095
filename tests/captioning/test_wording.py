import pytest

from captioning.variety import says_twice
from captioning.wording import UNFINISHED, wording


@pytest.mark.parametrize(
    ("caption", "twice"),
    [
        ("a dog in in a field", True),
        ("a man in a field in a field", True),
        ("a dog and a dog and a cat", True),
        ("w a b c d a b c d", True),
        ("ein mann mit brille und brille", True),
        ("a man in a cap and a cap", True),
        ("a man and a woman", False),
        ("a man on a man", False),
        ("a dog and", False),
        ("a b c d e a b c d e", False),
        ("a brown dog and a black dog", False),
        ("a man on a bench on the street", False),
        ("dog", False),
        ("", False),
    ],
)
def test_says_twice(caption, twice):
    assert says_twice(caption.split()) is twice


@pytest.mark.parametrize(
    ("language", "captions", "share"),
    [
        ("en", ["A dog runs with a", "a man is on the.", "A dog, a man.", "a boy looks up"], 0.5),
        ("de", ["Ein Hund auf der", "Ein Hund läuft", "Zwei Männer und"], 2 / 3),
        ("en", ["", "a"], 0.5),
        ("fr", ["un chien sur le"], None),
    ],
)
def test_unfinished(language, captions, share):
    found = wording(captions, language).unfinished
    assert found == (None if share is None else pytest.approx(share))


def test_counts_different_results():
    found = wording(["A dog.", "a dog", "A cat!", "a dog runs"])
    assert (found.captions, found.distinct_captions, found.distinct_words) == (4, 3, 4)
    assert found.mean_words == pytest.approx(9 / 4)
    with pytest.raises(ValueError, match="captions must not be empty"):
        wording([])


def test_the_words_that_end_no_caption_are_lower_case_and_once_each():
    for words in UNFINISHED.values():
        assert sorted(set(words.lower().split())) == sorted(words.split())

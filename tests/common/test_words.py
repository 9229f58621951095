import pytest

from common.words import percent, shown, text_of, visible, words_of


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([" Ein", " Hu", "nd", "<eos>"], [" Ein", " Hund", "<eos>"]),
        ([" Sch", "nee", ".", "<eos>"], [" Schnee", ".", "<eos>"]),
        ([" „", "Ja", "!", "“", " sagt"], [" „", "Ja", "!“", " sagt"]),
        ([" don", "'t", " l", "’", "homme", " Mutter", "-", "Kind"], [" don't", " l’homme", " Mutter-Kind"]),
        ([" 3", ".", "5", " kg", ".", " 10", ":", "30"], [" 3.5", " kg", ".", " 10:30"]),
        ([" Erd", "<0xC5>", "<0x91>", "s"], [" Erdős"]),
        ([" caf", "e\u0301", "s"], [" cafe\u0301s"]),
        ([" ", "<0xF0><0x9F>", "<0x8E>", "<0x89>", " 😀"], [" 🎉", " 😀"]),
        ([" <0xF0>", "<0x9F>"], [" \ufffd"]),
        ([" 东", "京", "は"], [" 东", "京", "は"]),
        ([" a", "\n", "b", " "], [" a", " b"]),
        ([" a. b", "c"], [" a. b", "c"]),  # a piece of several words is of the first
        ([" ", " "], [" "]),
        (["<eos>"], ["<eos>"]),
        ([], []),
    ],
)
def test_pieces_into_words(pieces, words):
    found = words_of(pieces)
    assert [place for word in found for place in word] == list(range(len(pieces)))
    assert [text_of(pieces, word) for word in found] == words


def test_pieces_of_a_tokenizer_become_the_words_of_the_text():
    from common.tokenizer import Tokenizer

    text = "Ein Hund läuft durch den Schnee , 🎉 ruft Jiří :-) und 东 京 ."
    tokenizer = Tokenizer.train("byte-pair", ["ein hund läuft durch den schnee"], vocabulary_size=280)
    pieces = tokenizer.pieces([*tokenizer.encode(text), tokenizer.EOS])
    assert [text_of(pieces, word).strip() for word in words_of(pieces)] == [*text.split(), "<eos>"]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (" dog", "dog"),
        (" ", "␣"),
        ("\n", "↵"),
        ("\t", "␣"),
        ("a\x00\x1bb", "a␀␛b"),
        ("a\x7f\ufffe", "a\ufffd\ufffd"),
    ],
)
def test_what_cannot_be_seen_is_shown(word, text):
    assert visible(word) == text


def test_long_words_lose_their_middle():
    assert shown("x" * 24) == "x" * 24
    assert shown("a" * 15 + "b" * 5 + "c" * 8) == "a" * 15 + "…" + "c" * 8


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.0, "0%"), (0.001, "<1%"), (0.005, "<1%"), (0.994, "99%"), (1.0, "100%")],
)
def test_percentages(probability, text):
    assert percent(probability) == text

import pytest

from translation.capitals import known_beginning

PIECES = {"then": 1, "Then": 2, "the": 1, "The": 1, "Katzen": 1, "katzen": 3, "Fußball": 2, "fußball": 2}


@pytest.mark.parametrize(
    ("sentence", "begins"),
    [
        ("Then he slept.", "then he slept."),
        ("The cat. Then", "The cat. Then"),
        ("Katzen schlafen.", "Katzen schlafen."),
        ("Fußball", "Fußball"),
        ("Then", "then"),
        ("then", "then"),
        ("THEN", "THEN"),
        ('"Then', '"Then'),
        ("12 Then", "12 Then"),
        ("", ""),
    ],
)
def test_a_first_word_is_small_if_it_is_better_known_so(sentence, begins):
    assert known_beginning(sentence, PIECES.__getitem__) == begins


def test_a_letter_alone():
    assert known_beginning("I think.", {"I": 1, "i": 1}.__getitem__) == "I think."
    assert known_beginning("Ö.", {"Ö": 2, "ö": 1}.__getitem__) == "ö."

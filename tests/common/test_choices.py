import math
import random
from dataclasses import replace

import pytest
import torch

from common.choices import Choices, by_words, choices_of
from common.reading import Reading
from common.tokenizer import Tokenizer


def make(pieces, *, rivals=None, probabilities=None, seed=0, columns=3):
    """Choices of these pieces, the rest at random unless it is given."""
    numbers = random.Random(seed)
    rows = [[numbers.random() for _ in range(columns)] for _ in pieces]
    return Choices(
        tuple(pieces),
        tuple(probabilities or [numbers.random() for _ in pieces]),
        tuple(rivals or [((" other", 0.1), (" else", 0.05))] * len(pieces)),
        tuple(numbers.random() for _ in pieces),
        tuple(tuple(value / sum(row) for value in row) for row in rows),
    )


def test_words_by_hand():
    words = by_words(
        Choices(
            (" sn", "ow", " falls", "<eos>"),
            (0.5, 0.8, 0.9, 0.75),
            ((),) * 4,
            (1.0, 0.5, 0.25, 0.125),
            ((0.5, 0.3, 0.2), (0.1, 0.7, 0.2), (0.25, 0.25, 0.5), (0.0, 0.1, 0.9)),
        )
    )
    assert words.pieces == (" snow", " falls", "<eos>")
    assert words.probabilities == pytest.approx((0.4, 0.9, 0.75))
    assert words.entropies == pytest.approx((1.5, 0.25, 0.125))
    assert [value for row in words.attention for value in row] == pytest.approx(
        [0.3, 0.5, 0.2, 0.25, 0.25, 0.5, 0.0, 0.1, 0.9]
    )


def test_rivals_of_words_by_hand():
    choices = make(
        [" the", " sn", "ow", "man", "<eos>"],
        probabilities=(0.9, 0.5, 0.8, 0.25, 0.6),
        rivals=[
            ((" a", 0.05), (" th", 0.02)),
            ((" ice", 0.3), ("re", 0.1), (" snow", 0.05)),  # " there" goes on with the word before
            (("ail", 0.1), (" ow", 0.01)),
            (("ball", 0.5), (" falls", 0.2), ("<eos>", 0.05)),  # the last two end the word at " snow"
            (("'s", 0.3), (".", 0.04)),  # " snowman's" goes on with the word before
        ],
    )
    the, snowman, end = by_words(choices).rivals
    assert dict(the) == pytest.approx({" there": 0.9 * 0.1, " a": 0.05, " th": 0.02})
    assert [text for text, _ in the] == [" there", " a", " th"]
    # " snow" is a choice at the first piece, and one at the third that ends the word, twice.
    snow = 0.05 + 0.5 * 0.8 * (0.2 + 0.05)
    assert dict(snowman) == pytest.approx({" ice": 0.3, " snowball": 0.5 * 0.8 * 0.5, " snow": snow})
    assert dict(end) == pytest.approx({".": 0.04})


def test_a_word_in_other_pieces_is_no_rival():
    choices = make([" sn", "ow"], rivals=[((" s", 0.2), (" snow", 0.1)), (("o", 0.1), ("ow", 0.1))])
    ((*rivals,),) = by_words(choices).rivals
    assert sorted(text for text, _ in rivals) == [" s", " sno"]


@pytest.mark.parametrize("attention", [True, False])
def test_merging_again_changes_nothing(attention):
    words = by_words(make([" a", "b", ".", " <0xC3>", "<0xA4>", " 东", "京", "<eos>"]))
    words = words if attention else replace(words, attention=None)
    assert by_words(words) == words


@pytest.mark.parametrize("change", ["pieces", "probabilities", "rivals", "entropies", "attention"])
def test_lengths_must_agree(change):
    choices = make([" a", " b"])
    with pytest.raises(ValueError, match="for each piece"):
        replace(choices, **{change: getattr(choices, change)[:-1]})


def test_choices_of_a_reading_by_hand():
    tokenizer = Tokenizer.train("character", ["abc"])
    a, b, c = tokenizer.encode("abc")
    probabilities = torch.zeros(2, len(tokenizer))
    probabilities[0, [a, b, c]] = torch.tensor([0.5, 0.25, 0.25])
    probabilities[1, [a, b]] = torch.tensor([0.9, 0.1])
    logits = probabilities.log()  # of what is impossible: minus infinity
    reading = Reading([b, a], torch.tensor([0.25, 0.9]).log(), None, logits + 7)
    choices = choices_of(reading, tokenizer)
    assert choices.pieces == ("b", "a")
    assert choices.probabilities == pytest.approx((0.25, 0.9))
    assert dict(choices.rivals[0][:2]) == pytest.approx({"a": 0.5, "c": 0.25})
    assert choices.rivals[1][0] == ("b", pytest.approx(0.1))
    assert "b" not in dict(choices.rivals[0])
    second = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    assert choices.entropies == pytest.approx((1.5 * math.log(2), second), abs=1e-5)
    assert choices.attention is None
    with pytest.raises(ValueError, match="keep_logits"):
        choices_of(replace(reading, logits=None), tokenizer)

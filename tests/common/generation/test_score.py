import math

import pytest

from common.generation.score import TextScore


def test_by_hand():
    # Four tokens, each one of two equally likely, that stand for eight characters and two words.
    score = TextScore(nats=4 * math.log(2), tokens=4, characters=8, words=2)
    assert score.perplexity == pytest.approx(2)
    assert score.word_perplexity == pytest.approx(4)
    assert score.bits_per_character == pytest.approx(0.5)
    assert score.nats_per_character == pytest.approx(math.log(2) / 2)
    assert str(score) == "0.3466 nats, 0.5000 bits a character; perplexity 2.00 a token, 4 a word"


def test_unknown_tokens_are_told():
    score = TextScore(2000.0, tokens=2000, characters=9000, words=1500, unknown=1200, unknown_characters=4000)
    assert str(score).endswith(
        "; 1,200 of 2,000 tokens were unknown: each of their 4,000 characters counts 4.56 nats, as one of 96"
    )


def test_the_spelling_of_unknown_tokens_counts():
    """Two of eight characters, each one of 96: figures a character and a word have it, those a token not."""
    score = TextScore(nats=0.0, tokens=4, characters=8, words=2, unknown=1, unknown_characters=2)
    assert score.nats_per_character == pytest.approx(2 * math.log(96) / 8)
    assert score.word_perplexity == pytest.approx(96)
    assert score.perplexity == 1


def test_parts_add_up():
    assert TextScore(1.5, 2, 3, 1, 1, 4) + TextScore(2.0, 4, 9, 0) == TextScore(3.5, 6, 12, 1, 1, 4)


def test_a_text_without_spaces_has_no_end_of_surprise_a_word():
    assert TextScore(nats=10_000.0, tokens=5000, characters=5000, words=1).word_perplexity == math.inf
    assert TextScore(nats=2.0, tokens=2, characters=2, words=0).word_perplexity == pytest.approx(math.exp(2))


@pytest.mark.parametrize(("tokens", "characters"), [(0, 5), (5, 0)])
def test_it_needs_text(tokens, characters):
    with pytest.raises(ValueError, match=f"must be positive, got {tokens}, {characters}"):
        TextScore(nats=1.0, tokens=tokens, characters=characters, words=1)

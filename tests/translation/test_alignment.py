from itertools import product
from random import Random

import pytest

from translation.alignment import align

LEXICON = dict(zip("abcdefghijklmno", "ABCDEFGHIJKLMNO", strict=True))


def test_words_are_linked_across_any_order():
    """Whoever has seen the words of a language in other company knows what each is."""
    random = Random(0)
    pairs, expected = [], []
    for _ in range(200):
        words = random.sample(sorted(LEXICON), random.randint(1, 6))
        order = random.sample(range(len(words)), len(words))
        pairs.append((words, [LEXICON[words[place]] for place in order]))
        expected.append({source: target for target, source in enumerate(order)})
    assert align(pairs) == expected


def test_a_word_without_a_translation_is_linked_to_nothing():
    pairs = [(["the", word], [translation]) for word, translation in LEXICON.items()]
    assert all(links == {1: 0} for links in align(pairs * 3))


def test_two_words_that_always_come_together_have_one_translation_each():
    (links, *_) = align([(["hot", "dog"], ["Hot", "Dog"])] * 2)
    assert sorted(links) == [0, 1]
    assert sorted(links.values()) == [0, 1]


def test_by_hand():
    """The example of Brown et al.: "la maison" and "la fleur" tell what "maison" is."""
    pairs = [(["la", "maison"], ["the", "house"]), (["la", "fleur"], ["the", "flower"])]
    assert align(pairs) == [{0: 0, 1: 1}, {0: 0, 1: 1}]


@pytest.mark.parametrize(("first", "second"), [*product([[], ["a"]], [[], ["b"]])])
def test_empty_sentences(first, second):
    whole = {0: 0} if first and second else {}
    assert align([(first, second)]) == [whole]
    assert align([(first, second), (["x"], ["y"])]) == [whole, {0: 0}]


def test_no_pairs():
    assert align([]) == []

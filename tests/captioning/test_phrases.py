import numpy as np
import pytest

from captioning.phrases import OFTEN, Phrases
from common.metrics import CiderD, caption_words

DOGS = ["A dog runs through the snow.", "The brown dog plays in deep snow."]
CATS = ["Two cats sleep on a sofa.", "A sofa with a pair of cats."]
CAPTIONS = dict(enumerate([DOGS] * OFTEN + [CATS] * OFTEN))
LIKE_DOGS = np.array([1.0] * OFTEN + [-9.0] * OFTEN)


@pytest.mark.parametrize(
    "caption", ["A dog runs in deep snow.", "Two cats sleep in the snow.", "A bird.", "dog", "", DOGS[0]]
)
def test_agreement_is_cider_d(caption):
    """As no phrase comes twice, clipping changes nothing; both references are of the same length."""
    captions = CAPTIONS | dict.fromkeys(range(OFTEN), DOGS[:1] * 2)
    references = [[caption_words(each) for each in group] for group in captions.values()]
    (expected,) = CiderD(references).scores([caption_words(caption)], references[0])
    (found,) = Phrases.of(captions).agreement(LIKE_DOGS, [caption])
    assert found == pytest.approx(expected, abs=1e-5)
    assert caption != DOGS[0] or found == pytest.approx(10)


def test_who_is_more_similar_is_listened_to_more():
    phrases = Phrases.of(CAPTIONS)
    said = ["A dog runs.", "Two cats sleep."]
    dog, cat = phrases.agreement(LIKE_DOGS, said)
    assert dog > 1
    assert cat == pytest.approx(0, abs=1e-6)
    dog, cat = phrases.agreement(-LIKE_DOGS, said)
    assert cat > 1
    assert dog == pytest.approx(0, abs=1e-6)
    both = phrases.agreement(np.zeros(2 * OFTEN), said)
    assert both.min() > 0.5


def test_saying_it_again_does_not_agree_more():
    once, twice = Phrases.of(CAPTIONS).agreement(
        LIKE_DOGS, ["A dog in the snow.", "A dog dog in the snow snow."]
    )
    assert twice < once


def test_what_few_photographs_have_is_not_on_record():
    ends = ["one", "two", "two", *["three"] * OFTEN]
    phrases = Phrases.of({row: [f"A dog and {end}."] for row, end in enumerate(ends)} | {9: ["A cat."]})
    assert [len(phrases.weighed([word])) for word in ("dog", "one", "two", "three", "cat")] == [1, 0, 0, 1, 0]


def test_photographs_without_captions_in_a_language_are_not_asked():
    phrases = Phrases.of(dict.fromkeys(range(OFTEN, 2 * OFTEN), CATS) | {9: DOGS})
    assert phrases.photographs.tolist() == [*range(OFTEN, 2 * OFTEN), 9]
    similar = np.array([5.0] * OFTEN + [0.0] * OFTEN + [5.0] * 3 + [-5.0])
    dog, cat = phrases.agreement(similar, ["A dog runs.", "Two cats sleep."])
    assert cat > dog

import pytest

from captioning.variety import distinct, fluent_first, widened
from common.search import Beam, Sampling


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("A dog runs.", "a dog runs"),
        ("A dog runs.", "The dog is running"),
        ("Ein Hund rennt.", "Der Hund rennt!"),
        ("A man sits on a bench in front of a building.", "A woman sits on a bench in front of a building."),
        ("A dog is in the snow.", "There is a dog in the snow"),
        ("...", "..."),
        ("狗在雪中跑步", "狗在雪中跑步。"),
    ],
)
def test_near_duplicates(first, second):
    assert distinct([first, second, first], 3, str) == [first]
    assert distinct([second, first], 2, str) == [second]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("A dog runs.", "A dog sleeps."),
        ("A dog runs.", "A dog runs through the snow."),
        ("A man sits on a bench.", "A woman sits on a bench."),
        ("A dog.", ""),
        ("!", "?"),
        ("狗在雪中跑步", "一个男人坐在长椅上"),
    ],
)
def test_different_captions(first, second):
    assert distinct([first, second], 2, str) == [first, second]


def test_the_first_come_first_and_no_more_than_asked_for():
    found = ["a cat", "the cat", "a dog", "dogs", "a dog.", "a bird"]
    assert distinct(found, 2, str) == ["a cat", "a dog"]
    assert distinct(found, 9, str) == ["a cat", "a dog", "a bird"]
    assert distinct(iter(found), 1, str) == ["a cat"]
    assert distinct([], 2, str) == []


def test_what_is_said_twice_comes_last():
    found = ["A cap and a cap and a cap.", "a man", "In a hat, in a hat.", "a hat in a hat", "a man in"]
    expected = ["a man", "a hat in a hat", "a man in", "A cap and a cap and a cap.", "In a hat, in a hat."]
    assert fluent_first(found, str) == expected
    assert fluent_first(iter(found[2:3]), str) == found[2:3]
    assert fluent_first([], str) == []


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Beam(1), Beam(1)),
        (Beam(3), Beam(3, count=3)),
        (Beam(4, 0.5, 1, 0.5), Beam(4, 0.5, 4)),
        (Sampling(temperature=0.5), Sampling(temperature=0.5)),
        (Beam(5, 0.5, 5), Beam(40, 0.5, 40)),
        (Beam(100, 1.0, 2), Beam(100, 1.0, 100)),
        (Beam(1000, 1.0, 1000), Beam(1000, 1.0, 1000)),
        (Beam(1500, 1.0, 1200), Beam(1500, 1.0, 1500)),
        (Beam(6, 1.0, 3, 0.5), Beam(24, 1.0, 12, 0.5)),
        (Beam(900, 1.0, 3, 0.5), Beam(900, 1.0, 3, 0.5)),
        (Sampling(count=3, seed=7), Sampling(count=12, seed=7)),
        (Sampling(count=2000), Sampling(count=2000)),
    ],
)
def test_enough_to_choose_from(strategy, expected):
    assert widened(strategy) == expected

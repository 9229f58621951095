import itertools
from random import Random

import pytest

from common.loops import Loop, find_loop, is_loop


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("", False),
        ("a", False),
        ("aaa", False),
        ("aaaa", True),
        ("abaaaac", True),
        ("abab", False),
        ("ababab", True),
        ("xababaxb", False),
        ("xxababab", True),
        ("abcabcabc", True),
        ("abcabcab", False),
        ("abcdabceabcf", False),
        ("abcdefghijkl" * 2, False),
        ("." + "abcdefghijkl" * 3, True),
        ("aabbaabbaab", False),
        ("aabbaabbaabb", True),
    ],
)
def test_is_loop(tokens, expected):
    assert is_loop(tokens) == expected
    assert is_loop(tuple(tokens[::-1])) == expected


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("so it goes", None),
        ("we see", None),
        ("no...", None),
        ("no....", Loop(2, 1, 6)),
        ("ha ha ha", None),
        ("ha ha ha ", Loop(0, 3, 9)),
        ("he said ha ha ha ha", Loop(7, 3, 19)),
        # Twice is enough if it is long, and goes on to the end.
        ("x" + "abcdefghijklmnopqrst" * 2, Loop(1, 20, 41)),
        ("x" + "abcdefghijklmnopqrst" * 2 + "y", None),
        ("x" + "abcdefghijklmnopqrs" * 2, None),
        # The circle is the long one, not the dots that it ends with.
        ("go " + "wait...." * 4, Loop(3, 8, 35)),
        # What goes on to the end comes before what does not.
        ("aaaaa" + "bc" * 3, Loop(5, 2, 11)),
        ("xabcabcabcxyy", Loop(1, 3, 10)),
    ],
)
def test_find_loop(tokens, expected):
    assert find_loop(tokens) == expected
    assert find_loop([ord(token) for token in tokens]) == expected


def brute_force(tokens):
    """All stretches that come often enough."""
    for start, period in itertools.product(range(len(tokens)), range(1, len(tokens) // 2 + 1)):
        end = start + period
        while end < len(tokens) and tokens[end] == tokens[end - period]:
            end += 1
        times = 4 if period == 1 else 2 if period >= 20 and end == len(tokens) else 3
        if end - start >= times * period:
            yield Loop(start, period, end)


def test_loops_are_those_of_brute_force():
    random = Random(0)
    found = 0
    for _ in range(1000):
        letters = random.choice(["ab", "abc", "abcdef"])
        tokens = "".join(random.choices(letters, k=random.randrange(12)))
        tokens += "".join(random.choices(letters, k=random.randrange(1, 24))) * random.randrange(1, 4)
        loops = list(brute_force(tokens))
        lasting = [loop for loop in loops if loop.end == len(tokens)]
        if lasting:
            expected = min(lasting, key=lambda loop: (loop.start, loop.period))
        else:
            expected = min(loops, key=lambda loop: (loop.period, loop.start), default=None)
        assert find_loop(tokens) == expected
        assert is_loop(tokens) == any(loop.end - loop.start >= 3 * loop.period for loop in loops)
        found += expected is not None
    assert 200 < found < 900


def test_long_texts_take_no_time_to_look_through():
    # Of three letters without any square (Thue), which is hard on who looks for repetitions.
    odd = [bin(place).count("1") % 2 for place in range(10_001)]
    assert find_loop([after - before for before, after in itertools.pairwise(odd)]) is None
    text = "".join(Random(1).choices("abcdefghij  ", k=10_000)) + "x"
    assert find_loop(text + "and so on " * 3).start == 10_001

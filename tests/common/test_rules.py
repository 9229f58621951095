"""Rules on single steps; how searches keep to them is tested with the searches."""

import math
from random import Random

import pytest
import torch

from common.rules import Rules

EOS = 3
SIZE = 6


def plainly(rules, row, tokens):
    """What :meth:`Rules.apply` is to give for one row, with loops and lists."""
    history = [*rules.prefix, *tokens]
    is_first = bool(rules.first) and not tokens
    scores, repeating = [], []
    for token, score in enumerate(row):
        banned = token in rules.banned(history) if rules.banned else False
        early = token == rules.eos and len(tokens) < rules.min_length
        if token in rules.forbidden or banned or early or (is_first and token not in rules.first):
            scores.append(-math.inf)
            repeating.append(-math.inf)
            continue
        repeating.append(score)
        size, longer = rules.no_repeat_ngram, [*history, token]
        grams = [tuple(longer[at : at + size]) for at in range(len(longer) - size + 1)]
        if size and grams[-1:] and grams[-1] in grams[:-1]:
            score = -math.inf
        elif token in history:
            above = score + math.log(len(row))
            score = above * rules.repetition_penalty ** (-1 if above > 0 else 1) - math.log(len(row))
        scores.append(score)
    return repeating if is_first and max(scores) == -math.inf else scores


def never_two_ones(tokens):
    """Stands for banned words."""
    return {1} if tokens and tokens[-1] == 1 else set()


SETTINGS = [
    {},
    {"forbidden": (0, 4)},
    {"min_length": 4},
    {"eos": None, "min_length": 4},
    {"first": (2, 5)},
    {"first": (2, 5), "forbidden": (5,), "repetition_penalty": 2.0, "no_repeat_ngram": 1, "prefix": (2,)},
    {"banned": never_two_ones},
    {"banned": never_two_ones, "prefix": (1,)},
    *({"no_repeat_ngram": size} for size in range(1, 5)),
    {"no_repeat_ngram": 2, "prefix": (0, 1, 2)},
    {"repetition_penalty": 1.5},
    {"repetition_penalty": 0.5, "prefix": (4, 4)},
    {"repetition_penalty": 3.0, "no_repeat_ngram": 3, "min_length": 2, "forbidden": (0,)},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("length", [0, 1, 2, 5, 12])
def test_it_is_what_loops_and_lists_give(settings, length):
    rules = Rules(**({"eos": EOS, "max_length": 20} | settings))
    distribution = (2 * torch.randn(30, SIZE)).log_softmax(-1)
    tokens = torch.randint(SIZE, (30, length))
    before = distribution.clone()
    scores = rules.apply(distribution, tokens)
    assert torch.equal(distribution, before)  # searches go on with it
    expected = [plainly(rules, *each) for each in zip(before.tolist(), tokens.tolist(), strict=True)]
    torch.testing.assert_close(scores, torch.tensor(expected))


def forbidden_after(tokens, **settings):
    """The tokens that may not come."""
    scores = Rules(None, 99, **settings).apply(torch.zeros(1, SIZE), torch.tensor([tokens]).long())
    return set(scores[0].isneginf().nonzero().flatten().tolist())


@pytest.mark.parametrize(
    ("tokens", "size", "expected"),
    [
        ([], 1, set()),
        ([4, 2, 4], 1, {2, 4}),
        ([1, 2, 1], 2, {2}),
        ([1, 2, 1, 3, 1], 2, {2, 3}),
        ([1, 1], 2, {1}),
        ([1, 2], 2, set()),
        ([1, 2, 3, 1, 2], 3, {3}),
        ([1, 1, 1], 3, {1}),
        ([1, 2, 3, 4, 1, 2, 3], 4, {4}),
        ([1, 2, 3], 4, set()),
    ],
)
def test_what_would_repeat_an_ngram(tokens, size, expected):
    assert forbidden_after(tokens, no_repeat_ngram=size) == expected


def test_a_prefix_is_repeated_neither():
    assert forbidden_after([1], no_repeat_ngram=2, prefix=(5, 1, 2)) == {2}
    assert forbidden_after([], no_repeat_ngram=2, prefix=(1, 2, 1)) == {2}
    # What must come may repeat something, if nothing else may come.
    assert forbidden_after([], no_repeat_ngram=1, prefix=(1, 2), first=(1, 3)) == set(range(SIZE)) - {3}
    assert forbidden_after([], no_repeat_ngram=1, prefix=(1, 2), first=(1,)) == set(range(SIZE)) - {1}


def test_the_penalty_is_counted_from_chance():
    # Of 8 tokens chance gives each 1/8: 1/2 is four times that, 1/32 a quarter of it.
    row = torch.tensor([[1 / 2, 1 / 32, 1 / 8, *[11 / 160] * 5]]).log()
    scores = Rules(None, 9, repetition_penalty=2.0).apply(row, torch.tensor([[0, 1, 0, 2]])).exp()
    torch.testing.assert_close(scores[0, :3], torch.tensor([2 / 8, 1 / 16 / 8, 1 / 8]))
    torch.testing.assert_close(scores[0, 3:], row.exp()[0, 3:])


def test_a_loop_is_broken_though_the_model_is_sure():
    row = torch.tensor([[0.9, 0.01, *[0.09 / 998] * 998]]).log()
    after_both = Rules(None, 9, repetition_penalty=4.0).apply(row.expand(2, -1), torch.tensor([[0], [1]]))
    assert after_both.argmax(1).tolist() == [1, 0]


def test_many_random_histories_of_one_rule():
    """No n-gram ever comes twice in what is written by it, whatever is chosen."""
    for size in range(1, 5):
        random, rules, tokens = Random(size), Rules(None, 99, no_repeat_ngram=size), []
        while len(tokens) < 40:
            scores = rules.apply(torch.zeros(1, 3), torch.tensor([tokens]).long())[0]
            if not (free := scores.isfinite().nonzero().flatten().tolist()):
                break
            tokens.append(random.choice(free))
        grams = [tuple(tokens[at : at + size]) for at in range(len(tokens) - size + 1)]
        assert len(set(grams)) == len(grams) > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_length": 0}, "max_length must be at least 1, got 0"),
        ({"min_length": -1}, "min_length must be 0 or more, got -1"),
        ({"no_repeat_ngram": -2}, "no_repeat_ngram must be 0 or more, got -2"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be from 0.01 to 100, got 0.0"),
        ({"repetition_penalty": float("nan")}, "repetition_penalty must be from 0.01 to 100, got nan"),
    ],
)
def test_bad_values(settings, message):
    with pytest.raises(ValueError, match=message):
        Rules(**({"eos": EOS, "max_length": 5} | settings))

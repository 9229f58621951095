"""Drawing: against the softmax, with cuts and ties, at the ends of the interval."""

import math

import pytest
import torch
from torch.testing import assert_close

from common.sampling import GREEDY, Sampling, draw, keep_min_p, keep_top_k, keep_top_p, keep_typical

LOGITS = torch.tensor([1.5, -0.5, 2.0, 0.0, -3.0, 1.0])
LAST = 1 - 2**-53
"""The largest number that a source of random numbers gives."""


def counts(logits, sampling, draws=10_000):
    """How often each token comes when the random numbers are spread evenly."""
    uniform = (torch.arange(draws, dtype=torch.float64) + 0.5) / draws
    return draw(logits.expand(draws, -1), sampling, uniform).bincount(minlength=logits.numel())


def assert_shares(counted, probabilities):
    """Each token's count is right to within one draw."""
    assert_close(counted.double(), probabilities.double() * counted.sum(), atol=1.0, rtol=0.0)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_shares_are_the_softmax(temperature):
    assert_shares(counts(LOGITS, Sampling(temperature)), (LOGITS / temperature).softmax(-1))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_shares_with_top_k(temperature):
    expected = torch.zeros(6)
    expected[[0, 2, 5]] = (LOGITS[[0, 2, 5]] / temperature).softmax(-1)
    assert_shares(counts(LOGITS, Sampling(temperature, top_k=3)), expected)


@pytest.mark.parametrize(("temperature", "kept"), [(0.5, [0, 2]), (1.0, [0, 2, 5]), (2.0, [0, 2, 3, 5])])
def test_shares_with_top_p_after_temperature(temperature, kept):
    expected = torch.zeros(6)
    expected[kept] = (LOGITS[kept] / temperature).softmax(-1)
    assert_shares(counts(LOGITS, Sampling(temperature, top_p=0.8)), expected)


def test_top_p_counts_what_top_k_left():
    # Of 2 tokens left with e^2 and e^1.5 the first has 0.62; of all it has less than 0.5.
    assert counts(LOGITS, Sampling(top_k=2, top_p=0.6)).nonzero().flatten().tolist() == [2]


# The entropy is 1.142 nats; the surprises are 0.693, 1.204, 1.897 and 2.996, so 0.3 is the most typical.
FOUR = torch.tensor([0.15, 0.5, 0.05, 0.3])


@pytest.mark.parametrize(
    ("p", "kept"),
    [
        (0.0, [3]),
        (0.29, [3]),
        (0.31, [1, 3]),
        (0.79, [1, 3]),
        (0.81, [0, 1, 3]),
        (0.94, [0, 1, 3]),
        (0.96, [0, 1, 2, 3]),
    ],
)
def test_typical_cut(p, kept):
    result = keep_typical(FOUR.log()[None], p)
    assert result.isfinite()[0].nonzero().flatten().tolist() == kept
    assert_close(result[result.isfinite()], FOUR.log()[kept])


@pytest.mark.parametrize(
    ("p", "kept"),
    [
        (0.0, [0, 1, 2, 3]),
        (0.09, [0, 1, 2, 3]),
        (0.11, [0, 1, 3]),
        (0.29, [0, 1, 3]),
        (0.31, [1, 3]),
        (0.61, [1]),
        (1.0, [1]),
    ],
)
def test_min_p_cut(p, kept):
    result = keep_min_p(FOUR.log()[None], p)
    assert result.isfinite()[0].nonzero().flatten().tolist() == kept
    assert_close(result[result.isfinite()], FOUR.log()[kept])


def test_the_likeliest_need_not_be_typical():
    # One token of 0.4 and sixty of 0.01: the entropy is 3.13, nearer to 4.6 than to 0.92.
    probabilities = torch.tensor([0.4] + [0.01] * 60)
    kept = keep_typical(probabilities.log()[None], 0.3)[0].isfinite()
    assert not kept[0]
    assert kept.sum() == 30


@pytest.mark.parametrize("p", [0.05, 0.3, 0.7, 0.95, 1.0])
def test_cuts_are_those_of_brute_force(p):
    for logits in torch.randn(200, 12, dtype=torch.float64) * 3:
        probabilities = logits.softmax(-1).tolist()
        entropy = -sum(each * math.log(each) for each in probabilities)
        typical, total = set(), 0.0
        for token in sorted(range(12), key=lambda token: abs(-math.log(probabilities[token]) - entropy)):
            if not typical or total < p - 1e-12:
                typical.add(token)
            total += probabilities[token]
        frequent = {
            token for token in range(12) if probabilities[token] >= p * max(probabilities) * (1 - 1e-12)
        }
        for keep, expected in ((keep_typical, typical), (keep_min_p, frequent)):
            assert set(keep(logits[None], p)[0].isfinite().nonzero().flatten().tolist()) == expected


def test_equals_are_kept_by_min_p_and_their_first_by_typical():
    assert keep_min_p(torch.zeros(1, 4), 1.0).isfinite().all()
    assert keep_typical(torch.zeros(1, 4), 0.5).isfinite().tolist() == [[True, True, False, False]]


def test_what_is_impossible_stays_so():
    logits = torch.tensor([[0.0, -torch.inf, 1.0, -torch.inf], [-torch.inf, 2.0, -torch.inf, -torch.inf]])
    for keep in (keep_min_p, keep_typical):
        for p in (0.0, 0.5, 1.0):
            result = keep(logits, p)
            assert not result.isnan().any()
            assert result.isfinite().any(-1).all()
            assert not result[logits.isinf()].isfinite().any()


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(min_p=0.4), [1, 3]),
        # Flatter, the others are more than 0.4 times as probable as the first: the roots are compared.
        (Sampling(2.0, min_p=0.4), [0, 1, 3]),
        (Sampling(0.5, min_p=0.4), [1]),
        (Sampling(typical=0.2), [3]),
        # Of two tokens left, with 0.625 and 0.375, the first is the more typical: 0.47 and 0.98, for 0.66.
        (Sampling(top_k=2, typical=0.2), [1]),
        (Sampling(top_p=0.6, typical=0.2), [1]),
        (Sampling(min_p=0.5, typical=0.2), [1]),
        (Sampling(top_p=0.9, min_p=0.5), [1, 3]),
        (Sampling(min_p=0.0, typical=1.0), [0, 1, 2, 3]),
        (Sampling(0.0, typical=0.2), [1]),
    ],
)
def test_each_cut_sees_what_those_before_have_left(sampling, kept):
    assert counts(FOUR.log(), sampling).nonzero().flatten().tolist() == kept


@pytest.mark.parametrize(
    "setting",
    [{"top_k": 0}, {"top_k": 99}, {"top_p": 1.0}, {"top_k": None}, {"min_p": 0.0}, {"typical": 1.0}],
)
def test_settings_that_cut_nothing(setting):
    assert counts(LOGITS, Sampling(**setting)).tolist() == counts(LOGITS, Sampling()).tolist()


@pytest.mark.parametrize(
    "sampling",
    [GREEDY, Sampling(top_k=1), Sampling(top_p=0.0), Sampling(min_p=1.0), Sampling(1e-3), Sampling(1e-310)],
)
def test_ways_to_be_greedy(sampling):
    logits = torch.randn(50, 20)
    assert draw(logits, sampling, torch.rand(50)).tolist() == logits.argmax(-1).tolist()


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(top_k=1), Sampling(top_p=0.0)])
def test_the_first_of_equals_is_taken(sampling):
    assert draw(torch.tensor([[0.0, 2.0, 2.0, 2.0]]), sampling, torch.tensor([LAST])).tolist() == [1]


@pytest.mark.parametrize(("k", "kept"), [(1, 1), (2, 2), (3, 3), (4, 4), (9, 5)])
def test_top_k_keeps_k_whatever_the_ties(k, kept):
    logits = torch.tensor([[0.0, 3.0, 3.0, 3.0, 0.0]])
    result = keep_top_k(logits, k)
    assert result.isfinite().sum() == kept
    assert_close(result[result.isfinite()], logits[result.isfinite()])
    assert result.isfinite()[0, 1:4].sum() == min(k, 3)


@pytest.mark.parametrize(
    ("p", "kept"), [(0.0, 1), (0.3, 1), (0.6, 2), (0.79, 2), (0.81, 3), (0.94, 3), (0.96, 4)]
)
def test_top_p_cut(p, kept):
    probabilities = torch.tensor([[0.15, 0.5, 0.05, 0.3]])
    result = keep_top_p(probabilities.log(), p)
    assert sorted(result.isfinite()[0].nonzero().flatten().tolist()) == sorted([1, 3, 0, 2][:kept])
    assert_close(result[result.isfinite()], probabilities.log()[result.isfinite()])


@pytest.mark.parametrize(
    ("p", "kept"), [(0.1, 1), (0.25, 1), (0.26, 2), (0.5, 2), (0.51, 3), (0.75, 3), (0.76, 4)]
)
def test_top_p_of_equals_keeps_the_first_that_suffice(p, kept):
    finite = keep_top_p(torch.zeros(1, 4), p).isfinite()
    assert finite.tolist() == [[place < kept for place in range(4)]]


@pytest.mark.parametrize("uniform", [0.0, 0.5, LAST])
@pytest.mark.parametrize("impossible", [[0], [7], [0, 1, 3, 6, 7], [0, 1, 2, 3, 4, 5, 6]])
def test_what_is_impossible_is_never_drawn(uniform, impossible):
    logits = torch.randn(200, 8)
    logits[:, impossible] = -torch.inf
    for dtype in (torch.float32, torch.float64):
        drawn = draw(logits, Sampling(), torch.full((200,), uniform, dtype=dtype))
        assert not set(drawn.tolist()) & set(impossible)


@pytest.mark.parametrize("uniform", [0.0, LAST])
def test_what_was_cut_is_never_drawn(uniform):
    logits = torch.randn(200, 50)
    drawn = draw(logits, Sampling(top_k=5), torch.full((200,), uniform))
    assert (logits.gather(1, drawn.unsqueeze(1)) >= logits.topk(5).values[:, -1:]).all()


def test_ends_of_the_interval_are_the_first_and_last_token():
    logits = torch.zeros(1, 5)
    assert draw(logits, Sampling(), torch.tensor([0.0])).tolist() == [0]
    assert draw(logits, Sampling(), torch.tensor([LAST])).tolist() == [4]


def test_large_vocabulary_of_equals_is_drawn_evenly():
    assert_shares(counts(torch.zeros(997), Sampling()), torch.full((997,), 1 / 997, dtype=torch.float64))


def test_logits_are_left_as_they_were():
    logits = torch.randn(3, 7)
    before = logits.clone()
    draw(logits, Sampling(0.5, top_k=4, top_p=0.5, min_p=0.1, typical=0.5), torch.rand(3))
    for keep in (keep_top_k, keep_top_p, keep_min_p, keep_typical):
        keep(logits, 1)
    assert_close(logits, before, atol=0, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -0.1}, "temperature must be .* 0 or more, got -0.1"),
        ({"temperature": float("inf")}, "temperature must be a finite number"),
        ({"temperature": float("nan")}, "temperature must be a finite number"),
        ({"top_k": -1}, "top_k must be 0 or more, got -1"),
        ({"top_p": 1.01}, "top_p must be from 0 to 1, got 1.01"),
        ({"top_p": -0.5}, "top_p must be from 0 to 1"),
        ({"top_p": float("nan")}, "top_p must be from 0 to 1"),
        ({"min_p": 1.5}, "min_p must be from 0 to 1, got 1.5"),
        ({"min_p": float("nan")}, "min_p must be from 0 to 1"),
        ({"typical": -0.1}, "typical must be from 0 to 1, got -0.1"),
        ({"count": 0}, "count must be at least 1, got 0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**settings)

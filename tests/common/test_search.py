"""Decoding: worked by hand, against brute force, and the same however it is batched.

Most tests search a table instead of a model: the next token's distribution depends on the
item, the token before the last and the last. The state holds the first two of these, so a
row that is lost or mixed up shows.
"""

import itertools
import math
from collections import Counter
from dataclasses import dataclass
from typing import Self

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from common.beam import Beam
from common.decoder import Decoder, DecoderConfig
from common.sampling import GREEDY, Sampling
from common.search import Hypothesis, Rules, decode, stream

EOS = 3


@dataclass(frozen=True)
class Rows:
    """For each row its item and the token read last."""

    item: Tensor
    before: Tensor

    def select(self, rows: Tensor) -> Self:
        return type(self)(self.item[rows], self.before[rows])

    def widen(self, width: int) -> Self:
        return self.select(torch.arange(len(self.item)).repeat_interleave(width))


class Table:
    """A step that looks the logits up in (items, token before, token, next token), and counts its calls."""

    def __init__(self, logits: Tensor) -> None:
        self.logits, self.calls = logits, 0

    def __call__(self, tokens: Tensor, state: Rows) -> tuple[Tensor, Rows]:
        self.calls += 1
        before = torch.cat([state.before.unsqueeze(1), tokens[:, :-1]], 1)
        logits = self.logits[state.item.unsqueeze(1), before, tokens]
        return logits, Rows(state.item, tokens[:, -1])

    def decode(self, strategy, items=(0,), *, prompt=(0,), eos=EOS, max_length=4, **settings):
        state = Rows(torch.tensor(items), torch.zeros(len(items), dtype=torch.long))
        prompts = torch.tensor([prompt] * len(items))
        return decode(self, state, prompts, strategy, Rules(eos, max_length, **settings), items=items)


def random_table(items=3, vocabulary=4, scale=1.5):
    return Table(torch.randn(items, vocabulary, vocabulary, vocabulary) * scale)


def chain(**following):
    """A table by the last token alone, from the probabilities of what follows it; tokens are a, b, c, EOS."""
    probabilities = torch.full((4, 4), 0.25)
    for token, row in following.items():
        probabilities["abc".index(token)] = torch.tensor(row)
    return Table(probabilities.log().expand(1, 4, 4, 4))


def every_hypothesis(table, item, rules):
    """All there are, in no order, with the sums that they are chosen by."""
    log_probabilities = table.logits[item].log_softmax(-1)
    everything = {}

    def extend(tokens, steps, total, before, last):
        row = log_probabilities[before, last]
        scores = rules.apply(row[None], torch.tensor([tokens], dtype=torch.long))[0].tolist()
        if len(steps) == rules.max_length or max(scores) == -math.inf:
            everything[Hypothesis(tokens, steps, False)] = total
            return
        for token, score in enumerate(scores):
            longer = (*steps, row[token].item())
            if score == -math.inf:
                continue
            if token == rules.eos:
                everything[Hypothesis(tokens, longer, True)] = total + score
            else:
                extend((*tokens, token), longer, total + score, last, token)

    extend((), (), 0.0, 0, 0)
    return everything


def assert_best(found, everything, length_penalty, count):
    """Finished first, then by total / length ** length_penalty; equals in any order."""
    totals = {(each.tokens, each.finished): total for each, total in everything.items()}

    def rank(hypothesis):
        total, length = totals[hypothesis.tokens, hypothesis.finished], len(hypothesis.log_probabilities)
        return not hypothesis.finished, -total / length**length_penalty

    steps = {(each.tokens, each.finished): each.log_probabilities for each in everything}
    expected = sorted(map(rank, everything))[:count]
    assert len({each.tokens for each in found}) == len(found) == len(expected)
    assert [rank(each)[0] for each in found] == [unfinished for unfinished, _ in expected]
    assert [rank(each)[1] for each in found] == pytest.approx([score for _, score in expected], rel=1e-4)
    for each in found:
        right = steps[each.tokens, each.finished]
        assert each.log_probabilities == pytest.approx(right, rel=1e-4, abs=1e-5)


def tokens_of(results):
    return [[hypothesis.tokens for hypothesis in hypotheses] for hypotheses in results]


def assert_same(results, expected):
    assert tokens_of(results) == tokens_of(expected)
    for one, other in zip(itertools.chain(*results), itertools.chain(*expected), strict=True):
        assert one.finished == other.finished
        assert one.log_probabilities == pytest.approx(other.log_probabilities, rel=1e-4, abs=1e-5)


# By hand


def test_greedy_takes_the_first_step_and_beam_looks_ahead():
    # a b ends with 0.5 * 0.4 = 0.2 at best; a c with 0.4 * 0.9 = 0.36.
    table = chain(a=[0, 0.6, 0.4, 0], b=[0, 0.3, 0.3, 0.4], c=[0, 0.05, 0.05, 0.9])
    greedy, beam = table.decode(GREEDY)[0][0], table.decode(Beam(2, length_penalty=0))[0][0]
    assert (greedy.tokens, greedy.finished) == ((1,), True)
    assert_close(math.exp(greedy.score), 0.24, rtol=1e-5, atol=0)
    assert (beam.tokens, beam.finished) == ((2,), True)
    assert_close(math.exp(beam.score), 0.36, rtol=1e-5, atol=0)
    assert_close(torch.tensor(beam.log_probabilities).exp(), torch.tensor([0.4, 0.9]))


@pytest.mark.parametrize(("length_penalty", "tokens"), [(0.0, ()), (1.0, (1, 2))])
def test_length_penalty(length_penalty, tokens):
    # Ending at once has 0.4; going on through b and c 0.6 * 0.6 * 0.9 = 0.32, but of three tokens.
    table = chain(a=[0, 0.6, 0, 0.4], b=[0, 0, 0.6, 0.4], c=[0, 0.1, 0, 0.9])
    assert table.decode(Beam(3, length_penalty))[0][0].tokens == tokens


def test_what_ends_makes_room_for_what_goes_on():
    # Of the best two first tokens one is the end: both b and c go on, and c comes second.
    table = chain(a=[0, 0.35, 0.25, 0.4], b=[0.5, 0, 0, 0.5], c=[0, 0, 0, 1.0])
    assert tokens_of(table.decode(Beam(2, length_penalty=0, count=2))) == [[(), (2,)]]


def test_search_goes_on_until_as_many_as_the_beam_have_ended():
    # 0.65 alone ranks above 0.35 over two tokens, but below 0.35 over three.
    table = chain(a=[0, 0.35, 0, 0.65], b=[0, 0, 1.0, 0], c=[0, 0, 0, 1.0])
    assert tokens_of(table.decode(Beam(2, length_penalty=1))) == [[(1, 2)]]


def test_finished_come_before_those_cut_off():
    table = chain(a=[0.9, 0, 0, 0.1])
    results = table.decode(Beam(3, length_penalty=0, count=3), max_length=2)[0]
    assert [(each.tokens, each.finished) for each in results] == [((), True), ((0,), True), ((0, 0), False)]
    assert_close(torch.tensor([each.score for each in results]).exp(), torch.tensor([0.1, 0.09, 0.81]))


@pytest.mark.parametrize("strategy", [GREEDY, Beam(3), Sampling(top_k=1, seed=5)])
def test_end_at_the_last_place_allowed_is_an_end(strategy):
    table = chain(a=[0, 0, 0, 1.0])
    (result,) = table.decode(strategy, max_length=1)[0]
    assert (result.tokens, result.log_probabilities, result.finished) == ((), (0.0,), True)


@pytest.mark.parametrize("strategy", [GREEDY, Beam(3, count=3), Sampling(seed=5, count=3)])
def test_search_stops_when_all_is_settled(strategy):
    table = chain(a=[0.05, 0.025, 0.025, 0.9], b=[0, 0, 0, 1.0], c=[0, 0, 0, 1.0])
    results = table.decode(strategy, max_length=1000)
    assert all(each.finished for each in results[0])
    assert table.calls < 20


def test_fewer_where_there_are_no_more():
    table = chain(a=[0, 0.5, 0, 0.5], b=[0, 0, 0, 1.0])
    assert sorted(tokens_of(table.decode(Beam(8, count=8)))[0]) == [(), (1,)]


# Brute force


@pytest.mark.parametrize("length_penalty", [-1.0, 0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize(("eos", "forbidden"), [(EOS, ()), (None, ()), (EOS, (1,)), (EOS, (EOS,))])
def test_beam_as_wide_as_the_space_is_brute_force(length_penalty, eos, forbidden):
    table, count = random_table(), 9
    results = table.decode(Beam(256, length_penalty, count), (0, 1, 2), eos=eos, forbidden=forbidden)
    for item, found in enumerate(results):
        everything = every_hypothesis(table, item, Rules(eos, 4, forbidden=forbidden))
        assert_best(found, everything, length_penalty, count)


def after_two_nothing_but_one(tokens):
    """Stands for banned words."""
    return {0, 2, EOS} if tokens[-1:] == [2] else ()


# Some of them let nothing follow some sequences.
RULES = [
    {"no_repeat_ngram": 1},
    {"no_repeat_ngram": 2, "min_length": 2},
    {"no_repeat_ngram": 2, "prefix": (1, 2, 1)},
    {"banned": after_two_nothing_but_one},
    {"banned": after_two_nothing_but_one, "no_repeat_ngram": 1},
    {"repetition_penalty": 3.0},
    {"repetition_penalty": 0.5, "prefix": (2,)},
    {"first": (0, 2), "min_length": 1, "repetition_penalty": 1.5},
    {"first": (1,), "forbidden": (EOS,), "no_repeat_ngram": 1},
    {"min_length": 9, "no_repeat_ngram": 1},
]


@pytest.mark.parametrize("eos", [EOS, None])
@pytest.mark.parametrize("settings", RULES)
def test_wide_beam_under_rules_is_brute_force(settings, eos):
    table = random_table()
    results = table.decode(Beam(256, 0.5, 9), (0, 1, 2), eos=eos, **settings)
    for item, found in enumerate(results):
        assert_best(found, every_hypothesis(table, item, Rules(eos, 4, **settings)), 0.5, 9)


@pytest.mark.parametrize("settings", RULES)
def test_samples_under_rules_come_as_often_as_they_should(settings):
    table = random_table(1, scale=0.7)
    rules = Rules(EOS, 3, **settings)
    log_probabilities = table.logits[0].log_softmax(-1)

    def probability(hypothesis):
        """The product of the softmaxes of what is chosen by."""
        total, (before, last) = 0.0, (0, 0)
        target = [*hypothesis.tokens, *[EOS] * hypothesis.finished]
        for place, token in enumerate(target):
            history = torch.tensor([target[:place]], dtype=torch.long)
            scores = rules.apply(log_probabilities[before, last][None], history)[0]
            total += scores.log_softmax(-1)[token].item()
            before, last = last, token
        return math.exp(total)

    every = {(each.tokens, each.finished): probability(each) for each in every_hypothesis(table, 0, rules)}
    assert sum(every.values()) == pytest.approx(1)
    (samples,) = table.decode(Sampling(count=3000), max_length=3, **settings)
    counted = Counter((each.tokens, each.finished) for each in samples)
    assert set(counted) <= set(every)
    keys = list(every)
    found = chi_square(torch.tensor([counted[key] for key in keys]), torch.tensor([every[k] for k in keys]))
    # Mean and standard deviation of what is right: five of these above it next to never come.
    assert found < len(keys) + 5 * math.sqrt(2 * len(keys))


@pytest.mark.parametrize("settings", RULES)
def test_greedy_under_rules_takes_the_best_step_allowed(settings):
    table, rules = random_table(20), Rules(EOS, 4, **settings)
    for item, (found,) in enumerate(table.decode(GREEDY, range(20), **settings)):
        target, finished = [], False
        while len(target) < 4 and not finished:
            before, last = [0, 0, *target][-2:]
            row = table.logits[item, before, last].log_softmax(-1)
            scores = rules.apply(row[None], torch.tensor([target], dtype=torch.long))[0]
            if scores.max() == -math.inf:
                break
            finished = scores.argmax() == EOS
            target += [] if finished else [int(scores.argmax())]
        assert (found.tokens, found.finished) == (tuple(target), finished)


def test_wide_beam_returns_all_there_are():
    table = random_table(1)
    everything = every_hypothesis(table, 0, Rules(EOS, 3))
    results = table.decode(Beam(100, count=100), max_length=3)
    assert_best(results[0], everything, 1.0, 100)
    assert sum(math.exp(each.score) for each in results[0]) == pytest.approx(1)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_wide_beam_of_a_decoder_is_brute_force(length_penalty):
    decoder, state = small_decoder(batch=2, vocabulary=4)
    beam = Beam(128, length_penalty, count=6)
    results = decode(decoder, state, torch.zeros(2, 1).long(), beam, Rules(EOS, 3))
    sequences = torch.cartesian_prod(*[torch.arange(4)] * 3)
    for item in range(2):
        rows = state.select(torch.full((64,), item))
        logits, _ = decoder(torch.cat([torch.zeros(64, 1).long(), sequences[:, :-1]], 1), rows)
        steps = logits.log_softmax(-1).gather(-1, sequences.unsqueeze(-1)).squeeze(-1)
        # Sequences that differ only after their end are one.
        cut = [cut_at_end(*each) for each in zip(sequences.tolist(), steps.tolist(), strict=True)]
        everything = {each: each.score for each in cut}
        assert_best(results[item], everything, length_penalty, 6)


def small_decoder(batch=4, vocabulary=12):
    """A decoder with attention that is sure enough of itself, and a state for each of a batch."""
    config = DecoderConfig(vocabulary, 8, 12, summary_size=5, memory_size=6, heads=2)
    decoder = Decoder(config).eval().requires_grad_(False)
    decoder.embedding.weight.mul_(4)
    mask = torch.arange(4) < torch.tensor([4, 3, 1, 2])[:batch].unsqueeze(1)
    return decoder, decoder.start(torch.randn(batch, 5), torch.randn(batch, 4, 6), mask)


def cut_at_end(tokens, steps):
    if EOS not in tokens:
        return Hypothesis(tuple(tokens), tuple(steps), False)
    end = tokens.index(EOS)
    return Hypothesis(tuple(tokens[:end]), tuple(steps[: end + 1]), True)


# Equivalences

STRATEGIES = [
    GREEDY,
    Sampling(seed=1),
    Sampling(0.7, top_k=3, seed=2, count=3),
    Sampling(1.3, top_p=0.9, seed=3, count=2),
    Beam(1),
    Beam(3, 0.0, count=2),
    Beam(5, 1.0, count=5),
    Beam(6, 1.0, count=3, diversity=1.0),
    Beam(2, 0.0, count=2, diversity=0.1),
]


@pytest.mark.parametrize("eos", [EOS, None])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_batch_is_each_alone_in_any_order(strategy, eos):
    table, order = random_table(6), (4, 0, 5, 1, 3, 2)
    together = table.decode(strategy, range(6), eos=eos, max_length=8)
    shuffled = table.decode(strategy, order, eos=eos, max_length=8)
    assert_same([shuffled[order.index(item)] for item in range(6)], together)
    for item in range(6):
        assert_same(table.decode(strategy, [item], eos=eos, max_length=8), [together[item]])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_batch_of_a_decoder_is_each_alone(strategy):
    decoder, state = small_decoder()
    prompt = torch.randint(4, 12, (4, 2))
    rules = Rules(EOS, 10, forbidden=(0, 1))
    together = decode(decoder, state, prompt, strategy, rules)
    for item in range(4):
        alone = state.select(torch.tensor([item]))
        result = decode(decoder, alone, prompt[item : item + 1], strategy, rules, items=[item])
        assert_same(result, [together[item]])


@pytest.mark.parametrize(
    "strategy", [Beam(1, 0.0), Beam(1, 1.0), Beam(1, 2.0), Sampling(top_k=1), Sampling(0.0, seed=9)]
)
def test_ways_to_be_greedy(strategy):
    table, (decoder, state) = random_table(100), small_decoder()
    assert_same(table.decode(strategy, range(100)), table.decode(GREEDY, range(100)))
    prompt, rules = torch.ones(4, 1).long(), Rules(EOS, 10)
    expected = decode(decoder, state, prompt, GREEDY, rules)
    assert_same(decode(decoder, state, prompt, strategy, rules), expected)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_prompt_at_once_is_prompt_step_by_step(strategy):
    decoder, state = small_decoder()
    prompt, rules = torch.randint(12, (4, 5)), Rules(EOS, 6)
    expected = decode(decoder, state, prompt, strategy, rules)
    for place in range(4):
        _, state = decoder(prompt[:, place : place + 1], state)
    assert_same(decode(decoder, state, prompt[:, 4:], strategy, rules), expected)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_log_probabilities_are_the_models_own(strategy):
    decoder, state = small_decoder()
    prompt = torch.randint(4, 12, (4, 2))
    results = decode(decoder, state, prompt, strategy, Rules(EOS, 8, forbidden=(0, 5)))
    for item, hypothesis in [(index, each) for index, found in enumerate(results) for each in found]:
        target = [*hypothesis.tokens, *([EOS] if hypothesis.finished else [])]
        tokens = torch.tensor([[*prompt[item].tolist(), *target]])
        logits, _ = decoder(tokens[:, :-1], state.select(torch.tensor([item])))
        expected = logits.log_softmax(-1)[0, range(1, tokens.size(1) - 1), target]
        assert hypothesis.log_probabilities == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-5)
        assert hypothesis.score == pytest.approx(expected.sum().item(), rel=1e-4)


# Stopping, and what is forbidden


@pytest.mark.parametrize("strategy", [*STRATEGIES, Sampling(50.0, seed=4, count=20)])
def test_every_result_ends_or_is_as_long_as_allowed(strategy):
    results = random_table(6).decode(strategy, range(6), max_length=5)
    for hypothesis in itertools.chain(*results):
        assert EOS not in hypothesis.tokens
        assert len(hypothesis.log_probabilities) == len(hypothesis.tokens) + hypothesis.finished
        assert hypothesis.finished or len(hypothesis.tokens) == 5
        assert len(hypothesis.log_probabilities) <= 5


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_an_end_only_length_stops(strategy):
    table = random_table(6)
    results = table.decode(strategy, range(6), eos=None, max_length=7)
    assert table.calls == 7
    assert {len(each) for each in results} == {strategy.count}
    assert all(len(h.tokens) == 7 and not h.finished for h in itertools.chain(*results))
    assert EOS in itertools.chain(*(h.tokens for h in itertools.chain(*results)))


@pytest.mark.parametrize("strategy", [*STRATEGIES, Sampling(50.0, seed=4, count=20)])
def test_nothing_that_is_forbidden(strategy):
    table = random_table(6)
    table.logits[..., [1, EOS]] += 5
    results = table.decode(strategy, range(6), forbidden=(1, EOS), max_length=6)
    assert {len(each) for each in results} == {strategy.count}
    assert not {1, EOS} & set(itertools.chain(*(h.tokens for h in itertools.chain(*results))))
    assert not any(h.finished for h in itertools.chain(*results))


@pytest.mark.parametrize("strategy", [GREEDY, Sampling(count=3), Beam(4)])
@pytest.mark.parametrize("min_length", [0, 1, 3])
def test_no_end_before_the_shortest_length_allowed(strategy, min_length):
    table = random_table(6)
    table.logits[..., EOS] += 20
    results = table.decode(strategy, range(6), min_length=min_length, max_length=6)
    assert {len(h.tokens) for h in itertools.chain(*results)} == {min_length}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("settings", "lengths"),
    [
        ({"no_repeat_ngram": 1, "eos": None}, {4}),
        ({"no_repeat_ngram": 1, "min_length": 10}, {3}),
        ({"no_repeat_ngram": 1, "forbidden": (EOS, 0)}, {2}),
        ({"banned": lambda tokens: range(4) if len(tokens) == 2 else ()}, {0, 1, 2}),
        ({"banned": lambda tokens: range(4) if len(tokens) == 1 else (), "first": (1, 2)}, {1}),
    ],
)
def test_what_nothing_may_follow_ends_there(strategy, settings, lengths):
    results = random_table(6).decode(strategy, range(6), max_length=10, **settings)
    assert all(1 <= len(found) <= strategy.count for found in results)
    for hypothesis in itertools.chain(*results):
        assert len(hypothesis.tokens) in lengths
        assert hypothesis.finished or len(hypothesis.tokens) == max(lengths)
        assert len(hypothesis.log_probabilities) == len(hypothesis.tokens) + hypothesis.finished


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_nothing_may_follow_leaves_the_others_alone(strategy):
    table = random_table(6)
    settings = {"banned": lambda tokens: range(4) if tokens[-1:] == [1] else (), "forbidden": (EOS,)}
    together = table.decode(strategy, range(6), max_length=6, **settings)
    assert len({len(h.tokens) for h in itertools.chain(*together)}) > 1
    for item in range(6):
        assert_same(table.decode(strategy, [item], max_length=6, **settings), [together[item]])


def test_no_items_no_results():
    decoder = Decoder(DecoderConfig(12, 8, 12))
    empty = torch.zeros(0, 1, dtype=torch.long)
    assert decode(decoder, decoder.start_empty(0), empty, GREEDY, Rules(EOS, 3)) == []


# Diversity


@pytest.mark.parametrize(("diversity", "tokens", "score"), [(0.5, (2,), 0.14), (1.0, (2, 1), 0.054)])
def test_a_group_avoids_what_the_one_before_chose(diversity, tokens, score):
    # The first group writes b and ends, 0.7 * 0.9. The second may not begin with b too: it takes c, and
    # then rather ends, 0.7, than goes on with b, 0.3, unless to end as the first costs log(7/3) = 0.85.
    table = chain(a=[0, 0.7, 0.2, 0.1], b=[0, 0, 0.1, 0.9], c=[0, 0.3, 0, 0.7])
    first, second = table.decode(Beam(2, 0.0, 2, diversity))[0]
    assert (first.tokens, second.tokens) == ((1,), tokens)
    assert (first.finished, second.finished) == (True, True)
    assert math.exp(first.score) == pytest.approx(0.63)
    assert math.exp(second.score) == pytest.approx(score)


def test_no_diversity_is_the_plain_beam():
    table = random_table(6)
    plain = table.decode(Beam(6, 1.0, 3), range(6), max_length=6)
    assert_same(table.decode(Beam(6, 1.0, 3, 0.0), range(6), max_length=6), plain)


def test_groups_far_apart_begin_differently():
    results = random_table(20).decode(Beam(4, 1.0, 4, 1000.0), range(20), eos=None)
    assert [{h.tokens[0] for h in found} for found in results] == [{0, 1, 2, 3}] * 20


@pytest.mark.parametrize("settings", [{}, {"first": (1,)}, {"forbidden": (0,)}])
@pytest.mark.parametrize("beam", [Beam(5, 1.0, 5, 0.01), Beam(6, 1.0, 3, 0.5), Beam(6, 0.0, 2, 3.0)])
def test_as_many_different_ones_as_asked_for(beam, settings):
    table = random_table(20, scale=5)  # sure of itself
    for found in table.decode(beam, range(20), max_length=6, **settings):
        assert len({h.tokens for h in found}) == len(found) == beam.count


def test_the_best_group_comes_first():
    for found in random_table(20).decode(Beam(4, 1.0, 4, 2.0), range(20), max_length=6):
        ranks = [(not h.finished, -h.score / len(h.log_probabilities)) for h in found]
        assert ranks == sorted(ranks)


# Sampling


def chi_square(counted, probabilities):
    expected = probabilities * counted.sum()
    return ((counted - expected) ** 2 / expected).sum().item()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("cut", [{}, {"top_k": 4}, {"top_p": 0.8}])
def test_frequencies_are_those_of_the_softmax(temperature, cut):
    logits = torch.tensor([1.0, 0.5, -0.5, 0.0, -1.0, 0.8])
    table = Table(logits.expand(1, 6, 6, 6))
    (results,) = table.decode(Sampling(temperature, count=10_000, **cut), eos=None, max_length=1)
    counted = torch.tensor([each.tokens[0] for each in results]).bincount(minlength=6)
    expected = (logits / temperature).softmax(-1).double()
    ordered, tokens = expected.sort(descending=True)
    kept = cut.get("top_k") or int((ordered.cumsum(0) < cut.get("top_p", 1.0)).sum()) + 1
    assert counted[tokens[kept:]].sum() == 0
    tokens = tokens[:kept]
    # Five degrees of freedom at most: above 26 once in 10,000 times.
    assert chi_square(counted[tokens], expected[tokens] / expected[tokens].sum()) < 26


def test_seeds_items_and_samples_differ():
    table = Table(torch.zeros(1, 4, 4, 4))
    state = Rows(torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    drawn = set()
    for seed in range(5):
        results = decode(
            table, state, torch.zeros(2, 1).long(), Sampling(seed=seed, count=3), Rules(None, 20)
        )
        drawn |= {h.tokens for h in itertools.chain(*results)}
    assert len(drawn) == 5 * 2 * 3


def test_more_samples_begin_with_the_same():
    table = random_table(2)
    few = table.decode(Sampling(seed=3, count=2), (0, 1), max_length=9)
    many = table.decode(Sampling(seed=3, count=5), (0, 1), max_length=9)
    assert_same([each[:2] for each in many], few)


def test_items_number_the_random_numbers():
    table = Table(torch.zeros(1, 4, 4, 4).expand(9, 4, 4, 4))
    by_default = table.decode(Sampling(seed=1), (0, 1, 2), eos=None, max_length=20)
    assert tokens_of(table.decode(Sampling(seed=1), (2, 1), eos=None, max_length=20)) == tokens_of(
        by_default[:0:-1]
    )


# One token after another

KINDS = [GREEDY, Sampling(seed=1), Sampling(0.7, top_k=3, seed=2, count=3), Sampling(1.3, top_p=0.9, seed=3)]


def stream_table(table, sampling, item, rules):
    state = Rows(torch.tensor([item]), torch.zeros(1, dtype=torch.long))
    return stream(table, state, torch.zeros(1, 1).long(), sampling, rules, item=item)


@pytest.mark.parametrize("sampling", KINDS)
@pytest.mark.parametrize("settings", [{}, *RULES])
def test_stream_gives_the_first_sample(sampling, settings):
    table = random_table(5)
    expected = table.decode(sampling, range(5), max_length=8, **settings)
    for item, found in enumerate(expected):
        streamed = tuple(stream_table(table, sampling, item, Rules(EOS, 8, **settings)))
        assert streamed == found[0].tokens


def test_stream_reads_no_further_than_asked_for():
    table = random_table(1)
    tokens = stream_table(table, Sampling(seed=1), 0, Rules(None, 5))
    assert table.calls == 0
    for number, _ in enumerate(tokens, start=1):
        assert table.calls == number
    assert (number, table.calls) == (5, 5)


# Bad arguments


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": ()}, r"prompt must be \(batch, length\) with length at least 1, got \(1, 0\)"),
        ({"max_length": 0}, "max_length must be at least 1, got 0"),
        ({"forbidden": (0, 1, 2, 3)}, "what is asked for leaves no token to begin with"),
        ({"first": (1,), "forbidden": (1,)}, "what is asked for leaves no token to begin with"),
        ({"banned": lambda _: range(4)}, "what is asked for leaves no token to begin with"),
    ],
)
@pytest.mark.parametrize("strategy", [GREEDY, Beam(2)])
def test_bad_arguments(strategy, changes, message):
    with pytest.raises(ValueError, match=message):
        random_table().decode(strategy, **changes)


def test_items_must_be_as_many_as_rows():
    state = Rows(torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match="items must number the 2 rows of the prompt, got 1"):
        decode(random_table(), state, torch.zeros(2, 1).long(), GREEDY, Rules(EOS, 3), items=[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size must be at least 1, got 0"),
        ({"count": 0}, "count must be from 1 to the beam's size 5, got 0"),
        ({"size": 3, "count": 4}, "count must be from 1 to the beam's size 3, got 4"),
        ({"length_penalty": float("nan")}, "length_penalty must be from -10 to 10, got nan"),
        ({"length_penalty": -1000.0}, "length_penalty must be from -10 to 10, got -1000.0"),
        ({"diversity": -1.0}, "diversity must be a finite number of 0 or more, got -1.0"),
        ({"diversity": float("nan")}, "diversity must be a finite number of 0 or more, got nan"),
        ({"size": 5, "count": 2, "diversity": 1.0}, "size must be a multiple of count 2, got 5"),
    ],
)
def test_bad_beams(settings, message):
    with pytest.raises(ValueError, match=message):
        Beam(**settings)

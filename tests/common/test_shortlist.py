from dataclasses import replace

import pytest
import torch

from common.decoder import Decoder, DecoderConfig
from common.fast_step import FastDecoder
from common.quantized import QuantizedLinear
from common.reading import read_given
from common.rules import Rules
from common.sampling import GREEDY, Sampling
from common.search import Beam, decode, stream
from common.shortlist import Shortlist

IDS = torch.tensor([0, 2, 5, 6, 7, 9, 11, 12, 17, 20, 24, 25, 30, 31, 38])
RULES = Rules(
    eos=2,
    max_length=9,
    min_length=1,
    forbidden=(0, 1, 3, 17),
    banned=lambda tokens: {11, 8} if tokens[-1:] == [9] else set(),
    no_repeat_ngram=3,
)


@pytest.fixture(params=["plain", "quantized"])
def decoder(request):
    torch.manual_seed(1)
    decoder = Decoder(DecoderConfig(40, 16, 32, 2, summary_size=6, memory_size=6, heads=2)).eval()
    torch.nn.init.normal_(decoder.bias)
    if request.param == "quantized":
        decoder.fast = FastDecoder(decoder, QuantizedLinear.of)
    return decoder


def start(decoder):
    return decoder.start(torch.randn(3, 6), torch.randn(3, 5, 6))


def masked(decoder):
    """A step of the whole decoder to which other tokens are impossible."""

    def step(tokens, state):
        logits, state = decoder.step(tokens, state)
        others = torch.ones(40, dtype=torch.bool)
        others[IDS] = False
        return logits.masked_fill(others, -torch.inf), state

    return step


@pytest.mark.parametrize(
    "strategy",
    [
        GREEDY,
        Beam(4, count=2),
        Beam(4, count=2, diversity=0.5),
        Sampling(1.3, seed=4, count=3),
        Sampling(top_k=4, seed=2),
    ],
)
@pytest.mark.parametrize(
    "rules",
    [RULES, replace(RULES, eos=None), replace(RULES, first=(20, 8, 31)), replace(RULES, prefix=(9, 5))],
    ids=["usual", "endless", "first", "prefix"],
)
@torch.inference_mode()
def test_as_if_all_others_were_impossible(decoder, strategy, rules):
    state, prompt = start(decoder), torch.tensor([[5, 9], [7, 7], [12, 38]])
    expected = decode(masked(decoder), state, prompt, strategy, rules, items=[4, 2, 8])
    found = Shortlist(decoder, IDS).decode(state, prompt, strategy, rules, items=[4, 2, 8])
    for row, other in zip(found, expected, strict=True):
        assert [each.tokens for each in row] == [each.tokens for each in other]
        assert [each.finished for each in row] == [each.finished for each in other]
        for each, same in zip(row, other, strict=True):
            assert each.log_probabilities == pytest.approx(same.log_probabilities, abs=1e-5)
    assert len({token for row in found for each in row for token in each.tokens}) >= 3


@torch.inference_mode()
def test_streaming(decoder):
    state, prompt = start(decoder).select(torch.tensor([1])), torch.tensor([[5, 9]])
    expected = list(stream(masked(decoder), state, prompt, Sampling(seed=3), RULES, item=6))
    found = Shortlist(decoder, IDS).stream(state, prompt, Sampling(seed=3), RULES, item=6)
    assert list(found) == expected


@torch.inference_mode()
def test_without_a_list_all_tokens_are_weighed(decoder):
    state, prompt = start(decoder), torch.tensor([[5], [8], [1]])
    shortlist = Shortlist(decoder, None)
    assert shortlist.decoder is decoder
    expected = decode(decoder.step, state, prompt, GREEDY, RULES, items=[0, 1, 2])
    assert shortlist.decode(state, prompt, GREEDY, RULES, items=[0, 1, 2]) == expected


@torch.inference_mode()
def test_a_narrowed_decoder_computes_the_same(decoder):
    state, part = start(decoder), decoder.narrowed(IDS)
    places = torch.tensor([[2], [0], [14]])
    expected, after = decoder.step(IDS[places], state)
    logits, also = part.step(places, state)
    torch.testing.assert_close(logits, expected[..., IDS])
    torch.testing.assert_close(also.stack(), after.stack())
    assert part.config.vocabulary_size == len(IDS)
    assert decoder.config.vocabulary_size == 40


def test_given_tokens_are_weighed_against_the_same(decoder):
    """And one that is not among them against these and itself, whatever else is read."""
    among = torch.zeros(40, dtype=torch.bool)
    among[IDS] = True
    state, prompt = start(decoder), torch.tensor([[5], [7], [12]])
    with torch.inference_mode():
        found = Shortlist(decoder, IDS).decode(state, prompt, GREEDY, RULES, items=[0, 1, 2])
        firsts = [[5], [7], [12]]
        targets = [[*each.tokens, *[2] * each.finished] for (each,) in found]
        readings = read_given(decoder, state, firsts, targets, among=among)
        for (each,), reading in zip(found, readings, strict=True):
            assert each.log_probabilities == pytest.approx(reading.log_probabilities.tolist(), abs=0.02)
        outside, inside = read_given(
            decoder, state.select(torch.tensor([0, 0])), [[5]] * 2, [[8, 9], [9, 9]], among=among
        )
        logits = decoder(torch.tensor([[5]]), state.select(torch.tensor([0])))[0][0, 0]
    wider = among.clone()
    wider[8] = True
    assert float(outside.log_probabilities[0]) == pytest.approx(
        float(logits[8] - logits[wider].logsumexp(0)), abs=1e-4
    )
    assert float(inside.log_probabilities[0]) == pytest.approx(
        float(logits[9] - logits[among].logsumexp(0)), abs=1e-4
    )

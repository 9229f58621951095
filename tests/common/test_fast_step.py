"""The step of decoding with products of fewer bits: nearly that of the decoder itself."""

import gzip
from pathlib import Path

import pytest
import torch

from common import half, quantized
from common.decoder import Decoder, DecoderConfig
from common.fast_step import FastDecoder, quickest
from common.half import HalfLinear
from common.quantized import QuantizedLinear
from common.search import Beam
from translation.model import Translator

SOURCES = Path(__file__).parents[2] / "../shared/data/multi30k/val.de.gz"
MAKES = {"whole numbers": QuantizedLinear.of} | ({"half": HalfLinear.of} if half.is_there() else {})


@pytest.fixture(params=MAKES.values(), ids=MAKES)
def make(request):
    return request.param


def decoder_of(**changes):
    torch.manual_seed(3)
    settings = {"vocabulary_size": 300, "embedding_size": 32, "hidden_size": 64, "summary_size": 16}
    decoder = Decoder(DecoderConfig(**(settings | {"memory_size": 24} | changes))).eval()
    with torch.no_grad():
        decoder.bias.normal_()
    return decoder


def started(decoder, rows=6, width=1):
    memory = torch.randn(rows, 5, decoder.config.memory_size) if decoder.attention else None
    mask = (
        torch.arange(5) < torch.tensor([[5], [3], [1], [2], [4], [5]])[:rows] if decoder.attention else None
    )
    return decoder.start(torch.randn(rows, decoder.config.summary_size), memory, mask).widen(width)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("memory_size", [24, 0])
@pytest.mark.parametrize("layers", [1, 3])
@torch.no_grad()
def test_a_step_is_nearly_the_decoders(cell, memory_size, layers, make):
    decoder = decoder_of(cell=cell, memory_size=memory_size, layers=layers)
    fast, state = FastDecoder(decoder, make), started(decoder, width=2)
    other = state
    for tokens in torch.randint(300, (4, 12, 1)):
        expected, state = decoder(tokens, state)
        found, other = fast(tokens, other)
        assert found.shape == expected.shape
        assert (found - expected).abs().max() < 0.04 * expected.std()  # as the weights are not whole
        for ours, theirs in zip(other.hidden, state.hidden, strict=True):
            assert [part.shape for part in ours] == [part.shape for part in theirs]
    assert not torch.equal(found, expected)


@pytest.mark.skipif(quickest() is None, reason="this processor or PyTorch has no kernels of fewer bits")
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@torch.no_grad()
def test_small_layers_keep_their_bits(cell):
    decoder = decoder_of(cell=cell)
    fast, state = FastDecoder(decoder, quickest()), started(decoder)
    for tokens in torch.randint(300, (4, 6, 1)):
        expected, after = decoder(tokens, state)
        found, other = fast(tokens, state)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        for ours, theirs in zip(other.hidden, after.hidden, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
        state = after


@pytest.mark.skipif(quickest() is None, reason="this processor or PyTorch has no kernels of fewer bits")
def test_large_layers_have_fewer_bits():
    weight = torch.randn(1000, 300)
    found = quickest()(weight, None)(torch.eye(300)).t()
    assert not torch.equal(found, weight)
    assert ((found - weight).abs() <= weight.abs().amax(1, keepdim=True) * 0.51 / 127).all()


@torch.no_grad()
def test_narrowed_it_chooses_among_some_tokens_as_before(make):
    decoder, ids = decoder_of(), torch.tensor([2, 5, 7, 100, 299])
    decoder.fast = FastDecoder(decoder, make)
    state, tokens = started(decoder), torch.tensor([[0], [1], [2], [3], [4], [0]])
    whole, _ = decoder.step(ids[tokens], state)
    part, _ = decoder.narrowed(ids).step(tokens, state)
    assert torch.allclose(part, whole[..., ids], atol=1e-5)


@torch.no_grad()
def test_a_prompt_is_read_by_the_decoder_itself(make):
    decoder = decoder_of()
    fast, state, prompt = FastDecoder(decoder, make), started(decoder), torch.randint(300, (6, 3))
    assert torch.equal(fast(prompt, state)[0], decoder(prompt, state)[0])


def test_it_is_for_decoding_alone(make):
    """Training goes by the weights as they are."""
    decoder = decoder_of(dropout=0.0)
    decoder.fast = FastDecoder(decoder, make)
    state, tokens = started(decoder), torch.randint(300, (6, 1))
    with torch.no_grad():
        assert torch.equal(decoder.step(tokens, state)[0], decoder.fast(tokens, state)[0])
        assert not torch.equal(decoder(tokens, state)[0], decoder.fast(tokens, state)[0])
        exact = decoder(tokens, state)[0]
        assert torch.allclose(exact, decoder.train().step(tokens, state)[0], atol=1e-6)
    decoder.step(tokens, state)[0].sum().backward()
    assert decoder.bottleneck.weight.grad.any()
    assert decoder.state_dict().keys() == decoder_of().state_dict().keys()


@pytest.mark.skipif(not SOURCES.exists(), reason="Multi30k is not in ../shared/data/multi30k")
def test_the_built_in_translator_says_the_same(make):
    """What differs is no worse by the decoder's own measure."""
    sentences = gzip.decompress(SOURCES.read_bytes()).decode().splitlines()[:60]
    translator = Translator.load(device="cpu")
    fast = FastDecoder(translator.decoder, make)
    written = []
    for step in (None, fast):
        translator.decoder.fast = step
        translator.eval()  # forgets what it has on hand of the former step
        results = translator.translate_sentences(sentences, "en", Beam(3), items=range(len(sentences)))
        written.append(results)
    plain, quick = written
    assert [a.score for a in plain] != [b.score for b in quick]
    same = [(a, b) for a, b in zip(plain, quick, strict=True) if a.text == b.text]
    assert len(same) >= 0.95 * len(sentences)
    assert max(abs(a.score - b.score) for a, b in same) < 0.01
    totals = [sum(result.score for result in results) for results in written]
    assert abs(totals[0] - totals[1]) < 0.01 * abs(totals[0])


@pytest.mark.skipif(not SOURCES.exists(), reason="Multi30k is not in ../shared/data/multi30k")
@pytest.mark.skipif(not half.is_there(), reason="this processor or PyTorch has no products of 16 bits")
@pytest.mark.parametrize("eight_bits", [True, False])
def test_what_an_adapter_has_changed_is_not_rounded_to_8_bits(monkeypatch, eight_bits):
    """Whatever the processor could do: translations into French are as without the fast step."""
    monkeypatch.setattr(quantized, "is_fast", lambda: eight_bits)
    sentences = gzip.decompress(SOURCES.read_bytes()).decode().splitlines()[:40]
    written = []
    for plain in (False, True):
        translator = Translator.load(device="cpu")
        translator.decoder.fast = None if plain else translator.decoder.fast
        assert (translator.adapted("fr").decoder.fast is None) is plain
        written.append(translator.translate_sentences(sentences, "fr", Beam(3), items=range(len(sentences))))
    same = [(a, b) for a, b in zip(*written, strict=True) if a.text == b.text]
    assert len(same) >= 0.95 * len(sentences)
    assert 0 < max(abs(a.score - b.score) for a, b in same) < 0.02

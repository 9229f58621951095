import gzip
from pathlib import Path

import pytest
import torch

from common.decoder import Decoder, DecoderConfig
from common.quantized import QuantizedDecoder, QuantizedLinear, Whole
from common.search import Beam
from translation.model import Translator

SOURCES = Path(__file__).parents[2] / "../shared/data/multi30k/val.de.gz"


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


def test_whole_numbers_are_multiplied_exactly():
    """Weights and vectors that are whole numbers up to 127 are their own roundings."""
    weight = torch.randint(-127, 128, (7, 50)).float()
    vectors = torch.randint(-127, 128, (4, 50)).float()
    weight[:, 0], vectors[:, 0] = 127, -127
    bias = torch.arange(7.0)
    found = QuantizedLinear.of(weight, bias)(Whole.of(vectors))
    assert torch.equal(found, vectors @ weight.t() + bias)


@pytest.mark.parametrize("size", [2, 512, 1024, 3000, 9000])
def test_sums_never_overflow(size):
    """All products as large as they get, in one direction."""
    vectors, weight = torch.full((1, size), 1.0), torch.full((2, size), 5.0)
    vectors[0, : size // 2] -= 0.5 / 127  # as much left over as can be
    weight[1] = -5
    expected = (vectors.double() @ weight.double().t()).float()
    found = QuantizedLinear.of(weight, None)(Whole.of(vectors))
    assert torch.allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize(("size", "fractions"), [(40, 254), (1024, 129), (4096, 32)])
def test_rounding_is_to_the_nearest_step_and_the_rest_to_fractions_of_one(size, fractions):
    vectors = torch.randn(5, size) * torch.tensor([[1e-6], [1.0], [1e6], [3.0], [0.0]])
    whole = Whole.of(vectors)
    step = vectors.abs().amax(1, keepdim=True) / 127
    coarse, fine = whole.numbers * whole.scale
    assert ((coarse * fractions - vectors).abs() <= step * 0.501).all()
    assert ((coarse * fractions + fine - vectors).abs() <= step / fractions * 0.52).all()
    assert whole.numbers[0, :4].abs().amax(1).tolist() == [127] * 4
    assert not whole.numbers[:, 4].any()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("memory_size", [24, 0])
@pytest.mark.parametrize("layers", [1, 3])
@torch.no_grad()
def test_a_step_is_nearly_the_decoders(cell, memory_size, layers):
    decoder = decoder_of(cell=cell, memory_size=memory_size, layers=layers)
    fast, state = QuantizedDecoder(decoder), started(decoder, width=2)
    other = state
    for tokens in torch.randint(300, (4, 12, 1)):
        expected, state = decoder(tokens, state)
        found, other = fast(tokens, other)
        assert found.shape == expected.shape
        assert (found - expected).abs().max() < 0.04 * expected.std()
        for ours, theirs in zip(other.hidden, state.hidden, strict=True):
            assert [part.shape for part in ours] == [part.shape for part in theirs]
    assert not torch.equal(found, expected)


@torch.no_grad()
def test_what_else_is_in_the_batch_never_matters():
    """To the last bit: sums of whole numbers are exact."""
    decoder = decoder_of()
    fast, state = QuantizedDecoder(decoder), started(decoder)
    tokens = torch.randint(300, (6, 1))
    whole, after = fast(tokens, state)
    for row in range(6):
        alone, then = fast(tokens[row : row + 1], state.select(torch.tensor([row])))
        assert torch.equal(alone[0], whole[row])
        assert torch.equal(then.stack()[:, :, 0], after.stack()[:, :, row])


@torch.no_grad()
def test_many_rows_are_few_rows(monkeypatch):
    decoder = decoder_of()
    fast, state, tokens = QuantizedDecoder(decoder), started(decoder), torch.randint(300, (6, 1))
    expected, _ = fast(tokens, state)
    monkeypatch.setattr("common.quantized._BLOCK", 700)  # two rows at a time
    assert torch.equal(fast(tokens, state)[0], expected)


@torch.no_grad()
def test_a_prompt_is_read_by_the_decoder_itself():
    decoder = decoder_of()
    fast, state, prompt = QuantizedDecoder(decoder), started(decoder), torch.randint(300, (6, 3))
    assert torch.equal(fast(prompt, state)[0], decoder(prompt, state)[0])


def test_it_is_for_decoding_alone():
    """Training goes by the weights as they are."""
    decoder = decoder_of(dropout=0.0)
    decoder.fast = QuantizedDecoder(decoder)
    state, tokens = started(decoder), torch.randint(300, (6, 1))
    with torch.no_grad():
        assert torch.equal(decoder.step(tokens, state)[0], decoder.fast(tokens, state)[0])
        assert not torch.equal(decoder(tokens, state)[0], decoder.fast(tokens, state)[0])
        assert torch.equal(decoder(tokens, state)[0], decoder.train().step(tokens, state)[0])
    decoder.step(tokens, state)[0].sum().backward()
    assert decoder.bottleneck.weight.grad.any()
    assert decoder.state_dict().keys() == decoder_of().state_dict().keys()


@pytest.mark.skipif(not SOURCES.exists(), reason="Multi30k is not in ../shared/data/multi30k")
def test_the_built_in_translator_says_the_same():
    """What differs is no worse by the decoder's own measure."""
    sentences = gzip.decompress(SOURCES.read_bytes()).decode().splitlines()[:60]
    translator = Translator.load(device="cpu")
    fast = QuantizedDecoder(translator.decoder)
    written = []
    for step in (None, fast):
        translator.decoder.fast = step
        results = translator.translate_sentences(sentences, "en", Beam(3), items=range(len(sentences)))
        written.append(results)
    plain, quick = written
    same = [(a, b) for a, b in zip(plain, quick, strict=True) if a.text == b.text]
    assert len(same) >= 0.95 * len(sentences)
    assert max(abs(a.score - b.score) for a, b in same) < 0.01
    totals = [sum(result.score for result in results) for results in written]
    assert abs(totals[0] - totals[1]) < 0.01 * abs(totals[0])

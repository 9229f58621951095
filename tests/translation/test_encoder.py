"""The sentence encoder: against PyTorch's packed layers; padding changes nothing, down to the words."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.testing import assert_close

from common.beam import Beam
from common.decoder import Decoder, DecoderConfig
from common.recurrence import CELLS
from common.sampling import GREEDY, Sampling
from common.search import Rules, decode
from translation.encoder import EncoderConfig, SentenceEncoder

LENGTHS = torch.tensor([5, 2, 1])


def make(cell="lstm", layers=2):
    return SentenceEncoder(EncoderConfig(4, 3, layers, cell)).eval()


@pytest.mark.parametrize("cell", CELLS)
def test_same_as_pytorch_packed(cell):
    encoder, vectors = make(cell, 1), torch.randn(3, 5, 4)
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[cell]
    both = kind(4, 3, batch_first=True, bidirectional=True)
    weights = dict(encoder.forwards[0].layer.named_parameters())
    weights |= {f"{name}_reverse": each for name, each in encoder.backwards[0].layer.named_parameters()}
    both.load_state_dict(weights)
    packed, after = both(pack_padded_sequence(vectors, LENGTHS, batch_first=True))
    outputs, _ = pad_packed_sequence(packed, batch_first=True)
    memory, summary, mask = encoder(vectors, LENGTHS)
    assert mask.tolist() == [[True] * 5, [True] * 2 + [False] * 3, [True] + [False] * 4]
    assert_close(memory[mask], encoder.norms[0](outputs)[mask])
    assert_close(summary, torch.cat(list(after[0] if cell == "lstm" else after), -1))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("rows", [3, 24])  # so many, mostly padding, are packed
def test_batch_is_each_alone_and_padding_changes_nothing(cell, layers, rows):
    lengths = LENGTHS.repeat(rows // 3)
    encoder, vectors = make(cell, layers), torch.randn(rows, 9, 4)
    memory, summary, mask = encoder(vectors, lengths)
    assert (memory.shape, summary.shape, mask.sum(1).tolist()) == ((rows, 9, 6), (rows, 6), lengths.tolist())
    for row, length in enumerate(lengths.tolist()):
        alone = encoder(vectors[row : row + 1, :length], lengths[row : row + 1])
        assert_close(memory[row, :length], alone[0][0])
        assert_close(summary[row], alone[1][0])
        assert alone[2].all()


@pytest.mark.parametrize("layers", [1, 2])
def test_every_place_knows_the_whole_sentence(layers):
    encoder, vectors = make(layers=layers), torch.randn(1, 5, 4)
    memory, summary, _ = encoder(vectors, LENGTHS[:1])
    for place in (0, 4):
        changed = vectors.clone()
        changed[0, place] += 1
        other, other_summary, _ = encoder(changed, LENGTHS[:1])
        assert ((other - memory).abs().amax(-1) > 1e-5).all()
        assert not torch.allclose(other_summary, summary)


def test_gradients_reach_every_parameter():
    encoder = make(layers=3).train()
    memory, summary, _ = encoder(torch.randn(3, 5, 4), LENGTHS)
    (memory.square() * torch.rand(6)).sum().add(summary.square().sum()).backward()
    untouched = [
        name for name, each in encoder.named_parameters() if each.grad is None or not each.grad.any()
    ]
    assert untouched == []


@pytest.mark.parametrize("strategy", [GREEDY, Beam(3, count=2), Sampling(seed=4, count=2)])
@pytest.mark.parametrize("memory_size", [0, 6])
def test_padding_and_batching_change_no_decoded_word(strategy, memory_size):
    encoder, vectors = make(), torch.randn(3, 9, 4)
    decoder = Decoder(DecoderConfig(20, 8, 12, summary_size=6, memory_size=memory_size, heads=2)).eval()

    def translate(vectors, lengths, items):
        memory, summary, mask = encoder(vectors, lengths)
        state, prompt = decoder.start(summary, memory, mask), torch.full((len(lengths), 1), 1)
        return decode(decoder, state, prompt, strategy, Rules(2, 12), items=items)

    together = translate(vectors, LENGTHS, [7, 8, 9])
    for row, length in enumerate(LENGTHS.tolist()):
        (alone,) = translate(vectors[row : row + 1, :length], LENGTHS[row : row + 1], [7 + row])
        assert [each.tokens for each in alone] == [each.tokens for each in together[row]]
        assert [each.score for each in alone] == pytest.approx(
            [each.score for each in together[row]], rel=1e-4
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"embedding_size": 0}, "embedding_size must be at least 1, got 0"),
        ({"hidden_size": -1}, "hidden_size must be at least 1, got -1"),
        ({"layers": 0}, "layers must be at least 1"),
        ({"cell": "transformer"}, "cell must be one of lstm, gru, rnn, got 'transformer'"),
        ({"dropout": -0.1}, r"dropout must be in \[0, 1\), got -0.1"),
        ({"dropout": 1}, r"dropout must be in \[0, 1\), got 1"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        EncoderConfig(**settings)

"""The decoder: the same however a sequence is cut or batched; its state; its settings."""

import pytest
import torch
from torch.testing import assert_close

from common.decoder import Decoder, DecoderConfig, DecoderState
from common.recurrence import CELLS

SHAPES = [(cell, layers, memory) for cell in CELLS for layers in (1, 2, 3) for memory in (0, 6)]


def make(cell="lstm", layers=2, memory_size=6, **changes):
    settings = {"embedding_size": 8, "hidden_size": 12, "summary_size": 5, "heads": 2, **changes}
    return Decoder(DecoderConfig(11, cell=cell, layers=layers, memory_size=memory_size, **settings)).eval()


def start(decoder, batch=3):
    """A state for each of ``batch`` sources of 4 places; in all but the first the last is padding."""
    mask = torch.ones(batch, 4, dtype=torch.bool)
    mask[1:, -1] = False
    return decoder.start(torch.randn(batch, 5), torch.randn(batch, 4, 6), mask)


def parts(state):
    memory = [] if state.memory is None else [state.memory.keys, state.memory.values]
    return [part for layer in state.hidden for part in layer] + memory


@pytest.mark.parametrize(("cell", "layers", "memory"), SHAPES)
@pytest.mark.parametrize("lengths", [[1] * 7, [3, 1, 3]])
def test_chunks_are_the_whole(cell, layers, memory, lengths):
    decoder, tokens = make(cell, layers, memory), torch.randint(11, (3, 7))
    state = start(decoder)
    whole, after = decoder(tokens, state)
    logits = []
    for chunk in tokens.split(lengths, 1):
        output, state = decoder(chunk, state)
        logits.append(output)
    assert whole.shape == (3, 7, 11)
    assert_close(torch.cat(logits, 1), whole)
    assert_close(parts(state), parts(after))


@pytest.mark.parametrize(("cell", "layers", "memory"), SHAPES)
def test_batch_is_each_alone(cell, layers, memory):
    decoder, tokens = make(cell, layers, memory), torch.randint(11, (3, 7))
    state = start(decoder)
    whole, _ = decoder(tokens, state)
    for row in range(3):
        alone, _ = decoder(tokens[row : row + 1], state.select(torch.tensor([row])))
        assert_close(alone, whole[row : row + 1])


@pytest.mark.parametrize(("cell", "layers", "memory"), SHAPES)
def test_gradients_reach_every_parameter(cell, layers, memory):
    decoder = make(cell, layers, memory)
    logits, _ = decoder(torch.arange(11).unsqueeze(0).repeat(3, 1), start(decoder))
    logits.square().sum().backward()
    untouched = [
        name for name, each in decoder.named_parameters() if each.grad is None or not each.grad.any()
    ]
    assert untouched == []


@pytest.mark.parametrize("cell", CELLS)
def test_zero_state_is_a_state_of_zeros(cell):
    decoder, tokens = make(cell, memory_size=0), torch.randint(11, (3, 7))
    state = decoder.start_empty(3)
    assert state.rows == 3
    assert all((part == 0).all() for part in parts(state))
    assert [part.shape for part in parts(state)] == [part.shape for part in parts(start(decoder))]
    assert decoder(tokens, state)[0].shape == (3, 7, 11)


def test_summary_and_memory_both_matter():
    decoder, tokens = make(), torch.randint(11, (1, 4))
    summary, memory = torch.randn(1, 5), torch.randn(1, 4, 6)
    logits = decoder(tokens, decoder.start(summary, memory))[0]
    assert not torch.allclose(logits, decoder(tokens, decoder.start(summary + 1, memory))[0])
    assert not torch.allclose(logits, decoder(tokens, decoder.start(summary, memory + 1))[0])


def test_padded_memory_changes_nothing():
    decoder, tokens = make(), torch.randint(11, (2, 5))
    summary, memory = torch.randn(2, 5), torch.randn(2, 4, 6)
    padded = torch.cat([memory, torch.randn(2, 3, 6)], 1)
    mask = (torch.arange(7) < 4).expand(2, -1)
    expected, _ = decoder(tokens, decoder.start(summary, memory))
    assert_close(decoder(tokens, decoder.start(summary, padded, mask))[0], expected)


def test_read_shows_what_forward_hides():
    decoder, tokens = make(), torch.randint(11, (3, 7))
    features, _, weights = decoder.read(tokens, start(decoder))
    assert features.shape == (3, 7, 8)
    assert_close(weights.sum(-1), torch.ones(3, 7))
    assert (weights[1:, :, -1] == 0).all()
    assert make(memory_size=0).read(tokens, start(make(memory_size=0)))[2] is None


def test_output_is_tied_to_the_embedding():
    decoder = make()
    features = torch.randn(3, 8)
    assert_close(decoder.logits(features), features @ decoder.embedding.weight.T + decoder.bias)


def test_dropout_only_while_training():
    decoder, tokens = make(dropout=0.5), torch.randint(11, (3, 7))
    state = start(decoder)
    assert_close(decoder(tokens, state)[0], decoder(tokens, state)[0])
    decoder.train()
    assert not torch.allclose(decoder(tokens, state)[0], decoder(tokens, state)[0])


def test_embedding_dropout_drops_a_token_wherever_it_stands():
    decoder = make(dropout=0.0, embedding_dropout=0.5, memory_size=0, summary_size=0).train()
    tokens = torch.arange(11).repeat(2, 3)
    inputs = []
    decoder.layers[0].register_forward_pre_hook(lambda layer, arguments: inputs.append(arguments[0]))
    decoder(tokens, decoder.start_empty(2))
    read = inputs[0].view(2, 3, 11, 8)
    kept = (read != 0).any(-1)
    assert (kept == kept[0, 0]).all()
    assert 0 < kept[0, 0].sum() < 11
    assert_close(read[0, 0, kept[0, 0]], 2 * decoder.embedding.weight[kept[0, 0]])


@pytest.mark.parametrize("setting", ["recurrent_dropout", "embedding_dropout"])
def test_other_dropout_only_while_training(setting):
    decoder, tokens = make(dropout=0.0, **{setting: 0.5}), torch.randint(11, (3, 7))
    state = start(decoder)
    expected = decoder(tokens, state)[0]
    assert not torch.allclose(decoder.train()(tokens, state)[0], expected)
    assert_close(decoder.eval()(tokens, state)[0], expected)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 3])
def test_a_state_survives_as_one_tensor(cell, layers):
    decoder, tokens = make(cell, layers, memory_size=0), torch.randint(11, (3, 7))
    _, state = decoder(tokens, start(decoder))
    stacked = state.stack()
    assert stacked.shape == (layers, 2 if cell == "lstm" else 1, 3, 12)
    assert_close(decoder(tokens, DecoderState.unstack(stacked))[0], decoder(tokens, state)[0])


@pytest.mark.parametrize("memory", [0, 6])
def test_widened_is_each_row_repeated(memory):
    decoder, tokens = make(memory_size=memory), torch.randint(11, (6, 4))
    state = start(decoder)
    wide, repeated = state.widen(2), state.select(torch.tensor([0, 0, 1, 1, 2, 2]))
    assert wide.rows == 6
    assert_close(decoder(tokens, wide)[0], decoder(tokens, repeated)[0])


@pytest.mark.parametrize("rows", [[1, 0, 2, 2, 5, 4], [4, 5, 1, 1], [3, 2]])
@pytest.mark.parametrize("memory", [0, 6])
def test_selecting_whole_groups_of_a_widened_state(rows, memory):
    decoder, chosen = make(memory_size=memory), torch.tensor(rows)
    state, tokens = start(decoder), torch.randint(11, (6, 1))
    _, wide = decoder(tokens, state.widen(2))
    _, repeated = decoder(tokens, state.select(torch.tensor([0, 0, 1, 1, 2, 2])))
    after = torch.randint(11, (len(rows), 2))
    assert_close(decoder(after, wide.select(chosen))[0], decoder(after, repeated.select(chosen))[0])


def test_memory_is_not_copied_when_only_beams_change_places():
    state = start(make())
    assert state.widen(2).select(torch.tensor([1, 0, 3, 3, 4, 5])).memory is state.memory
    assert state.widen(2).select(torch.tensor([2, 3])).memory.keys.size(0) == 1


def test_start_needs_what_the_decoder_reads():
    with pytest.raises(ValueError, match="with attention needs a memory"):
        make().start(torch.randn(3, 5))
    with pytest.raises(ValueError, match="see start_empty"):
        make().start()
    with pytest.raises(ValueError, match="see start_empty"):
        make(summary_size=0).start(torch.randn(3, 5))


def test_start_without_attention_does_not_keep_the_memory():
    state = make(memory_size=0).start(torch.randn(3, 5), torch.randn(3, 4, 6))
    assert isinstance(state, DecoderState)
    assert state.memory is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocabulary_size": 0}, "vocabulary_size must be at least 1, got 0"),
        ({"embedding_size": 0}, "embedding_size must be at least 1"),
        ({"hidden_size": -3}, "hidden_size must be at least 1, got -3"),
        ({"layers": 0}, "layers must be at least 1"),
        ({"heads": 0}, "heads must be at least 1"),
        ({"summary_size": -1}, "summary_size must be 0 or more, got -1"),
        ({"memory_size": -1}, "memory_size must be 0 or more, got -1"),
        ({"memory_size": 6, "hidden_size": 10, "heads": 4}, "heads must divide the hidden size 10, got 4"),
        ({"cell": "LSTM"}, "cell must be one of lstm, gru, rnn, got 'LSTM'"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"dropout": float("nan")}, "dropout must be in"),
        ({"recurrent_dropout": -0.1}, r"recurrent_dropout must be in \[0, 1\), got -0.1"),
        ({"embedding_dropout": 1.0}, r"embedding_dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        DecoderConfig(**{"vocabulary_size": 11, **changes})

import pytest
import torch

from common.decoder import Decoder, DecoderConfig
from common.reading import read_given

TARGETS = [[5, 6, 7, 8], [9], [4, 4, 10]]
FIRSTS = [[4], [4, 7, 5], [11, 6]]


@pytest.fixture(params=["lstm", "gru"])
def decoder(request):
    config = DecoderConfig(12, 8, 16, 2, request.param, summary_size=6, memory_size=6, heads=2)
    return Decoder(config).eval()


def start(decoder, rows):
    summary, memory = torch.randn(rows, 6), torch.randn(rows, 5, 6)
    mask = torch.arange(5) < torch.tensor([5, 3, 4])[:rows, None]
    return decoder.start(summary, memory, mask)


def test_as_step_by_step(decoder):
    state = start(decoder, 3)
    readings = read_given(decoder, state, FIRSTS, TARGETS, keep_logits=True)
    with torch.no_grad():
        for row, (first, target, reading) in enumerate(zip(FIRSTS, TARGETS, readings, strict=True)):
            assert reading.ids == target
            alone = state.select(torch.tensor([row]))
            logits, alone = decoder(torch.tensor([first]), alone)
            for place, token in enumerate(target):
                torch.testing.assert_close(reading.logits[place], logits[0, -1])
                expected = logits[0, -1].log_softmax(-1)[token]
                torch.testing.assert_close(reading.log_probabilities[place], expected)
                logits, alone = decoder(torch.tensor([[token]]), alone)


def test_attention_is_over_what_is_real(decoder):
    readings = read_given(decoder, start(decoder, 3), FIRSTS, TARGETS)
    assert [tuple(each.attention.shape) for each in readings] == [(4, 5), (1, 3), (3, 4)]
    assert all(each.logits is None for each in readings)
    for each in readings:
        torch.testing.assert_close(each.attention.sum(1), torch.ones(len(each.ids)))


def test_rows_that_share_a_memory(decoder):
    state = start(decoder, 2)
    wide = read_given(decoder, state.widen(2), [[4]] * 4, [[5], [6], [7], [8, 9]])
    for row, target in enumerate([[5], [6], [7], [8, 9]]):
        (alone,) = read_given(decoder, state.select(torch.tensor([row // 2])), [[4]], [target])
        torch.testing.assert_close(wide[row].log_probabilities, alone.log_probabilities)
        torch.testing.assert_close(wide[row].attention, alone.attention)


def test_without_a_memory_and_without_anything_to_read():
    decoder = Decoder(DecoderConfig(12, 8, 16, 1)).eval()
    first, second = read_given(decoder, decoder.start_empty(2), [[1], [1, 5]], [[], [4]])
    assert (first.ids, tuple(first.log_probabilities.shape)) == ([], (0,))
    assert second.attention is None
    assert tuple(second.log_probabilities.shape) == (1,)
    (nothing,) = read_given(decoder, decoder.start_empty(1), [[1]], [[]], keep_logits=True)
    assert tuple(nothing.logits.shape) == (0, 12)

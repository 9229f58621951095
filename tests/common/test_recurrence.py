"""Recurrent layers: the same whatever way a sequence is cut; dropout along it."""

import pytest
import torch
from torch.testing import assert_close

from common.recurrence import CELLS, WEIGHTS, Recurrence, SequenceDropout, advance, advance_plainly


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("lengths", [[1] * 6, [2, 4], [5, 1]])
def test_chunks_are_the_whole(cell, lengths):
    layer, inputs = Recurrence(cell, 3, 4), torch.randn(2, 6, 3)
    whole, after = layer(inputs)
    hidden, outputs = None, []
    for chunk in inputs.split(lengths, 1):
        output, hidden = layer(chunk, hidden)
        outputs.append(output)
    assert_close(torch.cat(outputs, 1), whole)
    assert_close(hidden, after)


@pytest.mark.parametrize("cell", CELLS)
def test_a_position_alone_is_read_as_pytorch_reads_it(cell):
    layer, inputs = Recurrence(cell, 3, 4).eval(), torch.randn(2, 6, 3)
    whole, after = layer.layer(inputs)
    hidden, outputs = tuple(torch.zeros(1, 2, 4) for _ in range(layer.states)), []
    for position in inputs.split(1, 1):
        output, hidden = layer(position, hidden)
        outputs.append(output)
    assert_close(torch.cat(outputs, 1), whole)
    assert_close(hidden, after if cell == "lstm" else (after,))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("rows", [1, 8, 9, 40])
@torch.no_grad()
def test_the_equations_are_pytorchs_cells(cell, rows):
    # So far out that gates are wide open or shut at times.
    layer, inputs = Recurrence(cell, 5, 6), 9 * torch.randn(rows, 5)
    incoming, outgoing, bias, other_bias = weights = [getattr(layer.layer, name) for name in WEIGHTS]
    hidden = tuple(torch.randn(1, rows, 6) for _ in range(layer.states))
    new, old = inputs @ incoming.T + bias, hidden[0][0] @ outgoing.T + other_bias
    expected = advance_plainly(cell, inputs, hidden, weights)
    assert_close(advance(cell, new, old, hidden), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_zeros_are_the_default_state_and_shapes_are_as_promised(cell):
    layer, inputs = Recurrence(cell, 3, 4), torch.randn(2, 6, 3)
    outputs, hidden = layer(inputs, (torch.zeros(1, 2, 4),) * layer.states)
    assert_close(outputs, layer(inputs)[0])
    assert outputs.shape == (2, 6, 4)
    assert [part.shape for part in hidden] == [(1, 2, 4)] * layer.states
    assert_close(hidden[0][0], outputs[:, -1])


def test_forget_gate_starts_open():
    layer = Recurrence("lstm", 3, 4)
    for parameter in layer.layer.parameters():
        if parameter.ndim == 2:
            torch.nn.init.zeros_(parameter)
    torch.nn.init.zeros_(layer.layer.bias_hh_l0)
    _, (_, before) = layer(torch.zeros(1, 1, 3), (torch.zeros(1, 1, 4), torch.zeros(1, 1, 4)))
    _, (_, after) = layer(torch.zeros(1, 1, 3), (torch.zeros(1, 1, 4), torch.ones(1, 1, 4)))
    assert_close(after - before, torch.full((1, 1, 4), 1.0).sigmoid())


@pytest.mark.parametrize("cell", CELLS)
def test_state_of_another_precision_is_taken(cell):
    layer, inputs = Recurrence(cell, 3, 4), torch.randn(2, 6, 3)
    _, hidden = layer(inputs[:, :3])
    expected, _ = layer(inputs[:, 3:], hidden)
    outputs, _ = layer(inputs[:, 3:], tuple(part.bfloat16() for part in hidden))
    assert outputs.dtype == torch.float32
    assert_close(outputs, expected, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("has_kernels", [True, False])
def test_sixteen_bits_are_asked_for_on_any_processor(cell, has_kernels, monkeypatch):
    """Where there are no kernels for them, 32 are computed with."""
    if not has_kernels:
        monkeypatch.setattr("common.recurrence._has_short_kernels", lambda: False)
    layer, inputs = Recurrence(cell, 3, 4), torch.randn(2, 6, 3)
    expected, after = layer(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, _ = layer(inputs.bfloat16())
        again, _ = layer(inputs[:, :1].bfloat16(), tuple(part.bfloat16() for part in after))
    assert_close(outputs.float(), expected, atol=0.02, rtol=0.02)
    assert_close(again.float(), layer(inputs[:, :1], after)[0], atol=0.02, rtol=0.02)
    outputs.float().sum().backward()
    assert layer.layer.get_parameter("weight_hh_l0").grad.any()


def test_dropout_drops_the_same_features_at_every_position():
    vectors = torch.rand(5, 7, 64) + 0.5
    dropped = SequenceDropout(0.4).train()(vectors)
    kept = dropped != 0
    assert (kept == kept[:, :1]).all()
    assert not (kept == kept[:1]).all()
    assert_close(dropped[kept], vectors[kept] / 0.6)


def test_dropout_keeps_the_mean():
    dropped = SequenceDropout(0.3).train()(torch.ones(200, 2, 500))
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(("share", "training"), [(0.5, False), (0.0, True)])
def test_dropout_off(share, training):
    vectors = torch.randn(2, 3, 4)
    assert SequenceDropout(share).train(training)(vectors) is vectors


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_dropout_drops_recurrent_weights_alone(cell):
    """From a zero state the first output depends on the inputs only, those after it on what is dropped."""
    layer, inputs = Recurrence(cell, 3, 64, recurrent_dropout=0.5), torch.randn(2, 6, 3)
    expected, _ = layer.eval()(inputs)
    layer.train()
    outputs, _ = layer(inputs)
    assert_close(outputs[:, :1], expected[:, :1])
    assert ((outputs[:, 1:] - expected[:, 1:]).abs().amax((0, 2)) > 1e-3).all()
    assert not torch.allclose(layer(inputs)[0], outputs)  # another mask at every call
    assert_close(layer.eval()(inputs)[0], expected)


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_dropout_has_one_mask_a_call_and_scales_what_is_left(cell):
    layer, inputs = Recurrence(cell, 3, 16, recurrent_dropout=0.5), torch.randn(2, 4, 3)
    whole = layer.layer.get_parameter("weight_hh_l0").detach().clone()
    torch.manual_seed(3)
    outputs, _ = layer(inputs)
    torch.manual_seed(3)
    kept = torch.nn.functional.dropout(torch.ones_like(whole), 0.5)
    assert 0.3 < (kept == 0).float().mean() < 0.7
    torch.nn.init.zeros_(layer.layer.weight_hh_l0)
    with torch.no_grad():
        layer.layer.weight_hh_l0 += whole * kept
    assert_close(layer.eval()(inputs)[0], outputs)


def test_recurrent_dropout_gives_no_gradient_to_what_is_dropped():
    layer = Recurrence("lstm", 3, 32, recurrent_dropout=0.5)
    layer(torch.randn(2, 6, 3))[0].sum().backward()
    gradient = layer.layer.get_parameter("weight_hh_l0").grad
    assert 0.4 < (gradient == 0).float().mean() < 0.6
    assert (layer.layer.get_parameter("weight_ih_l0").grad != 0).all()


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")
def test_recurrent_dropout_keeps_the_fast_kernel():
    layer, inputs = Recurrence("lstm", 16, 32, recurrent_dropout=0.5), torch.randn(4, 8, 16)
    kernels = []
    for share in (0.0, 0.5):
        layer.recurrent_dropout = share
        with torch.autocast("cpu", torch.bfloat16), torch.profiler.profile() as profile:
            outputs, _ = layer(inputs.bfloat16())
        outputs.float().sum().backward()
        kernels.append("aten::mkldnn_rnn_layer" in {event.key for event in profile.key_averages()})
    assert kernels[0] == kernels[1]


@pytest.mark.parametrize("cell", CELLS)
def test_one_position_read_by_itself_has_the_gradient_of_the_layer(cell):
    layer, inputs = Recurrence(cell, 5, 4).eval(), torch.randn(3, 1, 5, requires_grad=True)
    start = tuple(torch.zeros(1, 3, 4) for _ in range(layer.states))
    (found,) = torch.autograd.grad(layer(inputs, start)[0].sum(), inputs)
    (expected,) = torch.autograd.grad(layer(inputs)[0].sum(), inputs)
    assert_close(found, expected)

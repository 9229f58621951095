"""The loss: against PyTorch's cross-entropy, in value and gradient, and what of a sequence is scored."""

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from common import loss
from common.decoder import Decoder, DecoderConfig
from common.loss import linear_cross_entropy, sequence_loss

PADDING = 0


def problem(rows, dtype=torch.float32):
    """Features, weight, bias and targets; all but the last want gradients."""
    features = torch.randn(rows, 6, dtype=dtype, requires_grad=True)
    weight, bias = torch.randn(9, 6, requires_grad=True), torch.randn(9, requires_grad=True)
    return features, weight, bias, torch.randint(9, (rows,))


def reference(features, weight, bias, targets, smoothing, row_weights=1.0):
    logits = functional.linear(features.float(), weight, bias)
    losses = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
    return (losses * row_weights).sum()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("rows", [1, 8, 21])
def test_value_and_gradients_are_those_of_pytorch(smoothing, rows, monkeypatch):
    monkeypatch.setattr(loss, "_ROWS", 8)  # one block, one full block, several with a rest
    *wanted, targets = problem(rows)
    smoothed, nats = linear_cross_entropy(*wanted, targets, smoothing)
    expected = reference(*wanted, targets, smoothing)
    assert_close(smoothed, expected)
    assert_close(nats, reference(*wanted, targets, 0.0))
    # A factor, as by the mean over tokens, reaches the gradients too.
    gradients = torch.autograd.grad(smoothed * 0.3, wanted)
    assert_close(gradients, torch.autograd.grad(expected * 0.3, wanted))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_weights_of_rows(smoothing, monkeypatch):
    """Also below 0, as advantages are; the nats are those of the targets all the same."""
    monkeypatch.setattr(loss, "_ROWS", 8)
    *wanted, targets = problem(21)
    row_weights = torch.randn(21)
    smoothed, nats = linear_cross_entropy(*wanted, targets, smoothing, row_weights)
    expected = reference(*wanted, targets, smoothing, row_weights)
    assert_close(smoothed, expected)
    assert_close(nats, reference(*wanted, targets, 0.0))
    assert_close(torch.autograd.grad(smoothed, wanted), torch.autograd.grad(expected, wanted))


def test_default_blocks_do_not_change_the_sum():
    *wanted, targets = problem(1100)
    smoothed, _ = linear_cross_entropy(*wanted, targets, 0.1)
    expected = reference(*wanted, targets, 0.1)
    assert_close(smoothed, expected, rtol=1e-5, atol=0.0)
    gradients = torch.autograd.grad(smoothed, wanted)
    assert_close(gradients, torch.autograd.grad(expected, wanted), rtol=1e-4, atol=1e-4)


def test_nats_have_no_gradient():
    *wanted, targets = problem(5)
    assert not linear_cross_entropy(*wanted, targets)[1].requires_grad


def test_half_precision_is_close_and_gradients_keep_their_types():
    *wanted, targets = problem(40, torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        smoothed, _ = linear_cross_entropy(*wanted, targets, 0.1)
    expected = reference(*wanted, targets, 0.1)
    gradients, exact = torch.autograd.grad(smoothed, wanted), torch.autograd.grad(expected, wanted)
    assert smoothed.dtype == torch.float32
    assert [each.dtype for each in gradients] == [torch.bfloat16, torch.float32, torch.float32]
    assert_close(smoothed, expected, rtol=0.01, atol=0.0)
    for gradient, right in zip(gradients, exact, strict=True):
        assert_close(gradient, right, rtol=0.05, atol=0.1)


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_without_gradients_the_sums_are_the_same_and_only_the_logits_are_computed(off):
    *wanted, targets = problem(20)
    expected, expected_nats = linear_cross_entropy(*wanted, targets, 0.1)
    with off(), FlopCounterMode(display=False) as work:
        smoothed, nats = linear_cross_entropy(*wanted, targets, 0.1)
    assert work.get_total_flops() == 2 * 20 * 6 * 9
    assert_close((smoothed, nats), (expected.detach(), expected_nats))


def test_inputs_without_gradient_give_sums_without():
    *wanted, targets = problem(20)
    smoothed, _ = linear_cross_entropy(*(each.detach() for each in wanted), targets, 0.1)
    assert not smoothed.requires_grad


def test_gradient_for_the_features_alone():
    features, weight, bias, targets = problem(20)
    smoothed, _ = linear_cross_entropy(features, weight.detach(), bias.detach(), targets)
    (gradient,) = torch.autograd.grad(smoothed, [features])
    assert_close(
        gradient, torch.autograd.grad(reference(features, weight, bias, targets, 0.0), [features])[0]
    )


def test_no_rows_cost_nothing():
    *wanted, targets = problem(0)
    smoothed, nats = linear_cross_entropy(*wanted, targets, 0.1)
    assert (smoothed.item(), nats.item()) == (0.0, 0.0)
    assert all(not gradient.any() for gradient in torch.autograd.grad(smoothed, wanted))


@pytest.fixture
def decoder():
    return Decoder(DecoderConfig(9, 6, 8, 2, dropout=0.0)).eval()


TOKENS = torch.tensor([[1, 5, 6, 2, 0, 0], [1, 3, 4, 5, 6, 2]])
"""Begin is 1, end is 2; the first row is padded."""


def test_sequence_loss_is_the_mean_over_real_tokens(decoder):
    result = sequence_loss(decoder, decoder.start_empty(2), TOKENS, padding=PADDING, label_smoothing=0.2)
    logits, _ = decoder(TOKENS[:, :-1], decoder.start_empty(2))
    targets = TOKENS[:, 1:].masked_fill(TOKENS[:, 1:] == PADDING, -100).flatten()
    assert result.tokens == 8
    smoothed = functional.cross_entropy(logits.flatten(0, 1), targets, label_smoothing=0.2)
    assert_close(result.objective, smoothed)
    nats = functional.cross_entropy(logits.flatten(0, 1), targets, reduction="sum")
    assert result.nats == pytest.approx(nats.item(), rel=1e-5)


def test_weights_of_targets(decoder):
    """Each counts as often as it says, over all of their tokens."""
    weights = torch.tensor([2.0, -0.5])
    result = sequence_loss(decoder, decoder.start_empty(2), TOKENS, padding=PADDING, weights=weights)
    alone = [
        sequence_loss(decoder, decoder.start_empty(1), TOKENS[row : row + 1], padding=PADDING)
        for row in (0, 1)
    ]
    expected = sum(weight * one.nats for weight, one in zip(weights.tolist(), alone, strict=True))
    assert result.objective.item() == pytest.approx(expected / 8, rel=1e-5)
    assert (result.nats, result.tokens) == (pytest.approx(sum(one.nats for one in alone)), 8)


def test_among_some_tokens(decoder):
    """As if the logits of all others were minus infinity, and with nothing spread over them."""
    ids = torch.tensor([2, 3, 4, 5, 6])
    result = sequence_loss(
        decoder, decoder.start_empty(2), TOKENS, padding=PADDING, label_smoothing=0.2, among=ids
    )
    logits = decoder(TOKENS[:, :-1], decoder.start_empty(2))[0][..., ids].flatten(0, 1)
    targets = (TOKENS[:, 1:] - 2).masked_fill(TOKENS[:, 1:] == PADDING, -100).flatten()
    smoothed = functional.cross_entropy(logits, targets, label_smoothing=0.2)
    assert_close(result.objective, smoothed)
    wanted = list(decoder.parameters())
    for found, expected in zip(
        torch.autograd.grad(result.objective, wanted, allow_unused=True),
        torch.autograd.grad(smoothed, wanted, allow_unused=True),
        strict=True,
    ):
        assert (found is None) == (expected is None)
        if found is not None:
            assert_close(found, expected)


def test_padding_changes_nothing(decoder):
    padded = functional.pad(TOKENS, (0, 4), value=PADDING)
    first = sequence_loss(decoder, decoder.start_empty(2), TOKENS, padding=PADDING)
    second = sequence_loss(decoder, decoder.start_empty(2), padded, padding=PADDING)
    wanted = list(decoder.parameters())
    assert (second.tokens, second.nats) == (first.tokens, pytest.approx(first.nats))
    assert_close(torch.autograd.grad(second.objective, wanted), torch.autograd.grad(first.objective, wanted))


@pytest.mark.parametrize(("prompt_length", "tokens"), [(1, 8), (2, 6), (4, 2), (5, 1)])
def test_prompt_is_read_but_not_scored(decoder, prompt_length, tokens):
    result = sequence_loss(
        decoder, decoder.start_empty(2), TOKENS, padding=PADDING, prompt_length=prompt_length
    )
    rows = torch.tensor(
        [[row, place] for row in (0, 1) for place in range(prompt_length, 6) if TOKENS[row, place]]
    )
    logits, _ = decoder(TOKENS[:, :-1], decoder.start_empty(2))
    scored = logits.log_softmax(-1)[rows[:, 0], rows[:, 1] - 1, TOKENS[rows[:, 0], rows[:, 1]]]
    assert result.tokens == tokens == len(rows)
    assert result.nats == pytest.approx(-scored.sum().item(), rel=1e-5)


def test_nothing_to_score_is_no_loss(decoder):
    result = sequence_loss(decoder, decoder.start_empty(2), TOKENS, padding=PADDING, prompt_length=6)
    assert (result.objective.item(), result.nats, result.tokens) == (0.0, 0.0, 0)


def test_first_token_cannot_be_scored(decoder):
    with pytest.raises(ValueError, match="prompt_length must be at least 1, got 0"):
        sequence_loss(decoder, decoder.start_empty(2), TOKENS, padding=PADDING, prompt_length=0)


def test_gradients_reach_every_parameter():
    decoder = Decoder(DecoderConfig(9, 6, 8, 2, summary_size=3, memory_size=4, heads=2))
    state = decoder.start(torch.randn(2, 3), torch.randn(2, 5, 4))
    sequence_loss(decoder, state, TOKENS, padding=PADDING, label_smoothing=0.1).objective.backward()
    untouched = [
        name for name, each in decoder.named_parameters() if each.grad is None or not each.grad.any()
    ]
    assert untouched == []

"""The training loss: cross-entropy through the output layer, and how a sequence is scored by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from common.decoder import Decoder, DecoderState

_ROWS = 512
"""Targets at a time: a block of logits then stays in the processor's cache."""


@dataclass(frozen=True)
class Loss:
    """A batch's loss.

    Attributes:
        objective: What to minimise, a scalar with gradient (mean over the tokens).
        nats: Sum of the negative log-probabilities of the targets, without smoothing.
        tokens: How many targets there were.
    """

    objective: Tensor
    nats: float
    tokens: int


def sequence_loss(
    decoder: Decoder,
    state: DecoderState,
    tokens: Tensor,
    *,
    padding: int,
    prompt_length: int = 1,
    label_smoothing: float = 0.0,
    weights: Tensor | None = None,
    among: Tensor | None = None,
) -> Loss:
    """Teacher forcing: read the target shifted by one and score each next token.

    Args:
        decoder: The decoder.
        state: Its state before the first token, one row for each target.
        tokens: Prompt, target and end-of-sentence, padded, int64 (rows, length).
        padding: The token that is not scored.
        prompt_length: How many first tokens are given and so not scored.
        label_smoothing: Share of the target probability spread over the vocabulary
            (Szegedy et al., 2016, arXiv:1512.00567, section 7).
        weights: What each target counts in the objective, (rows,), possibly below 0; 1 without.
        among: The tokens to choose from, all targets' among them, int64 (n,), ascending; None is all.

    Raises:
        ValueError: ``prompt_length`` is less than 1: nothing predicts the first token.
    """
    if prompt_length < 1:
        raise ValueError(f"prompt_length must be at least 1, got {prompt_length}")
    features, _, _ = decoder.read(tokens[:, :-1], state)
    real = tokens[:, 1:] != padding
    real[:, : prompt_length - 1] = False
    # The output layer is most of the work: it is not spent on padding.
    targets = tokens[:, 1:][real]
    weight: Tensor = decoder.embedding.weight
    bias: Tensor = decoder.bias
    if among is not None:
        targets = torch.searchsorted(among, targets)
        weight, bias = weight.index_select(0, among), bias.index_select(0, among)
    smoothed, nats = linear_cross_entropy(
        features[real],
        weight,
        bias,
        targets,
        label_smoothing,
        None if weights is None else weights.unsqueeze(1).expand(real.shape)[real],
    )
    count = int(real.sum())
    return Loss(smoothed / max(count, 1), float(nats), count)


def mean_loss(losses: Sequence[Loss]) -> Loss:
    """The loss of several batches as if they were one: each token counts the same."""
    tokens = sum(each.tokens for each in losses)
    objective = torch.stack([each.objective * each.tokens for each in losses]).sum() / max(tokens, 1)
    return Loss(objective, sum(each.nats for each in losses), tokens)


def linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    label_smoothing: float = 0.0,
    row_weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of ``softmax(features @ weight.T + bias)``, without keeping the logits.

    The gradient is known as soon as the logits are (probabilities minus targets), so each
    block of rows is finished with, forwards and backwards, while it is in the cache; that
    takes about two thirds of the time and a fraction of the memory of the plain composition.

    Args:
        features: (rows, embedding_size), in the type that products are to be computed in.
        weight: (vocabulary_size, embedding_size).
        bias: (vocabulary_size,).
        targets: int64 (rows,).
        label_smoothing: Share of the target probability spread over the vocabulary.
        row_weights: What to multiply the smoothed loss of each row with, (rows,), without gradient.

    Returns:
        Two sums over the rows: the smoothed loss, which has a gradient, and the negative
        log-probabilities of the targets in nats, which has none and no weights.
    """
    # Asked here: within an autograd function gradients are always off.
    needed = torch.is_grad_enabled() and any(each.requires_grad for each in (features, weight, bias))
    result: tuple[Tensor, Tensor] = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        features, weight, bias, targets, label_smoothing, row_weights, needed
    )
    return result


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        smoothing: float,
        row_weights: Tensor | None,
        needed: bool,
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(features.device.type, enabled=False):
            smoothed, nats, gradients = _forward(
                features, weight, bias, targets, smoothing, row_weights, needed
            )
        context.save_for_backward(*gradients)
        context.mark_non_differentiable(nats)
        return smoothed, nats

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        by_features, by_weight, by_bias = context.saved_tensors
        scale = gradients[0]
        return by_features * scale, by_weight * scale, by_bias * scale, None, None, None, None


def _forward(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    smoothing: float,
    row_weights: Tensor | None,
    needed: bool,
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Both sums, and the gradients of the smoothed one, empty unless needed."""
    cast = weight.to(features.dtype)
    by_features = torch.empty_like(features) if needed else features.new_empty(0)
    by_weight = torch.zeros_like(weight) if needed else weight.new_empty(0)
    by_bias = torch.zeros_like(bias) if needed else bias.new_empty(0)
    smoothed, nats = bias.new_zeros(()), bias.new_zeros(())
    for start in range(0, len(features), _ROWS):
        rows = features[start : start + _ROWS]
        chosen = targets[start : start + _ROWS].unsqueeze(1)
        logits = (rows @ cast.T).float().add_(bias)
        target, peak = logits.gather(1, chosen), logits.amax(1, keepdim=True)
        mean = logits.mean(1, keepdim=True) if smoothing else torch.zeros_like(peak)
        exponentials = logits.sub_(peak).exp_()
        total = exponentials.sum(1, keepdim=True)
        normaliser = peak + total.log()
        loss = normaliser - target
        nats += loss.sum()
        if smoothing:
            loss = (1 - smoothing) * loss + smoothing * (normaliser - mean)
        counted = None if row_weights is None else row_weights[start : start + _ROWS].unsqueeze(1)
        smoothed += (loss if counted is None else loss * counted).sum()
        if needed:
            error = exponentials.div_(total).sub_(smoothing / logits.size(1))
            error.scatter_add_(1, chosen, error.new_full(chosen.shape, smoothing - 1))
            if counted is not None:
                error *= counted
            by_bias += error.sum(0)
            error = error.to(features.dtype)
            by_features[start : start + _ROWS] = error @ cast
            if weight.requires_grad:  # with an adapter it stays as it is
                by_weight += error.T @ rows
    return smoothed, nats, (by_features, by_weight, by_bias)

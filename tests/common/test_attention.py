"""Attention: against PyTorch's own, by hand, under masks, and with several rows to an item."""

import math

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from common.attention import Attention

MASK = torch.tensor([[True, True, False, False], [True, True, True, True]])


def split(vectors, heads):
    return vectors.unflatten(-1, (heads, -1)).transpose(1, 2)


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("mask", [None, MASK])
def test_same_as_pytorch(heads, mask):
    attention, queries, memory = Attention(8, 5, heads), torch.randn(2, 3, 8), torch.randn(2, 4, 5)
    read, _ = attention(queries, attention.remember(memory, mask))
    parts = (attention.query(queries), attention.key(memory), attention.value(memory))
    expected = functional.scaled_dot_product_attention(
        *(split(part, heads) for part in parts), attn_mask=None if mask is None else mask[:, None, None]
    )
    assert_close(read, attention.output(expected.transpose(1, 2).flatten(2)))


def test_by_hand():
    attention = Attention(1, 1, 1)
    for layer in (attention.query, attention.key, attention.value, attention.output):
        torch.nn.init.ones_(layer.weight)
    torch.nn.init.zeros_(attention.output.bias)
    memory = attention.remember(torch.tensor([[[0.0], [math.log(3)]]]), None)
    read, weights = attention(torch.ones(1, 1, 1), memory)
    assert_close(weights, torch.tensor([[[0.25, 0.75]]]))
    assert_close(read, torch.tensor([[[0.75 * math.log(3)]]]))


def test_what_is_masked_is_as_if_it_were_not_there():
    attention, queries, memory = Attention(8, 5, 2), torch.randn(2, 3, 8), torch.randn(2, 4, 5)
    read, weights = attention(queries, attention.remember(memory, MASK))
    assert (weights[0, :, 2:] == 0).all()
    short, _ = attention(queries[:1], attention.remember(memory[:1, :2], None))
    assert_close(read[:1], short)
    changed, _ = attention(queries, attention.remember(memory + 9 * ~MASK.unsqueeze(-1), MASK))
    assert_close(changed, read)


def test_weights_are_the_mean_over_heads_and_sum_to_one():
    attention, queries, memory = Attention(8, 5, 2), torch.randn(2, 3, 8), torch.randn(2, 4, 5)
    _, weights = attention(queries, attention.remember(memory, None))
    query, key = split(attention.query(queries), 2), split(attention.key(memory), 2)
    assert_close(weights, (query @ key.transpose(-1, -2) / 2).softmax(-1).mean(1))
    assert_close(weights.sum(-1), torch.ones(2, 3))


@pytest.mark.parametrize("mask", [None, MASK])
def test_several_rows_to_an_item_are_the_memory_repeated(mask):
    attention, queries, memory = Attention(8, 5, 2), torch.randn(6, 3, 8), torch.randn(2, 4, 5)
    remembered = attention.remember(memory, mask)
    repeated = remembered.select(torch.tensor([0, 0, 0, 1, 1, 1]))
    assert_close(attention(queries, remembered), attention(queries, repeated))


@pytest.mark.parametrize("items", [1, 2])
@pytest.mark.parametrize("mask", [None, MASK])
def test_what_is_read_without_asking_for_weights_is_the_same(items, mask):
    attention, queries, memory = Attention(8, 5, 2), torch.randn(3 * items, 2, 8), torch.randn(items, 4, 5)
    remembered = attention.remember(memory, None if mask is None else mask[:items])
    found = attention.context(attention.query(queries), remembered)
    assert_close(attention.output(found), attention(queries, remembered)[0])


def test_select_takes_keys_values_and_mask_of_the_same_items():
    attention, queries, memory = Attention(8, 5, 2), torch.randn(3, 3, 8), torch.randn(2, 4, 5)
    order = torch.tensor([1, 0, 1])
    selected = attention.remember(memory, MASK).select(order)
    assert_close(
        attention(queries, selected), attention(queries, attention.remember(memory[order], MASK[order]))
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_to_read_is_not_a_number_nowhere(dtype):
    attention = Attention(8, 5, 2).to(dtype)
    memory = attention.remember(torch.randn(1, 4, 5, dtype=dtype), torch.zeros(1, 4, dtype=torch.bool))
    assert attention(torch.randn(1, 3, 8, dtype=dtype), memory)[0].isfinite().all()
    assert attention.context(torch.randn(1, 3, 8, dtype=dtype), memory).isfinite().all()


def test_heads_must_divide():
    with pytest.raises(ValueError, match="heads must divide the hidden size 8, got 3"):
        Attention(8, 5, 3)

import pytest
import torch

from common.quantized import QuantizedLinear, Whole


def test_whole_numbers_are_multiplied_exactly():
    """Weights and vectors that are whole numbers up to 127 are their own roundings."""
    weight = torch.randint(-127, 128, (7, 50)).float()
    vectors = torch.randint(-127, 128, (4, 50)).float()
    weight[:, 0], vectors[:, 0] = 127, -127
    bias = torch.arange(7.0)
    found = QuantizedLinear.of(weight, bias)(vectors)
    assert torch.equal(found, vectors @ weight.t() + bias)


@pytest.mark.parametrize("size", [2, 512, 1024, 3000, 9000])
def test_sums_never_overflow(size):
    """All products as large as they get, in one direction."""
    vectors, weight = torch.full((1, size), 1.0), torch.full((2, size), 5.0)
    vectors[0, : size // 2] -= 0.5 / 127  # as much left over as can be
    weight[1] = -5
    expected = (vectors.double() @ weight.double().t()).float()
    found = QuantizedLinear.of(weight, None)(vectors)
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


def test_what_else_is_in_the_batch_never_matters():
    """To the last bit: sums of whole numbers are exact."""
    linear, vectors = QuantizedLinear.of(torch.randn(30, 50), torch.randn(30)), torch.randn(6, 50)
    whole = linear(vectors)
    for row in range(6):
        assert torch.equal(linear(vectors[row : row + 1])[0], whole[row])


def test_many_outputs_are_computed_for_a_few_rows_at_a_time(monkeypatch):
    linear, vectors = QuantizedLinear.of(torch.randn(300, 50), torch.randn(300)), torch.randn(7, 50)
    expected = linear(vectors)
    monkeypatch.setattr("common.quantized._WIDE", 299)
    monkeypatch.setattr("common.quantized._BLOCK", 700)  # two rows at a time
    assert torch.equal(linear(vectors), expected)

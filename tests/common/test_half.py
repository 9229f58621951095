import pytest
import torch

from common import half
from common.half import HalfLinear

pytestmark = pytest.mark.skipif(not half.is_there(), reason="this processor or PyTorch has no such kernels")


@pytest.mark.parametrize("rows", [1, 2, 5, 33])
def test_weights_that_were_stored_in_8_bits_lose_nothing(rows):
    whole, scale = (
        torch.randint(-127, 128, (70, 50)),
        torch.rand(70, 1) * 10.0 ** torch.randint(-6, 6, (70, 1)),
    )
    whole[:, 0] = 127
    bias, vectors = torch.randn(70), torch.randn(rows, 50)
    weight = whole * scale
    expected = torch.addmm(bias.double(), vectors.double(), weight.double().t())
    found = HalfLinear.of(weight, bias)(vectors)
    assert found.dtype == torch.float32
    size = (vectors.abs().double() @ weight.abs().double().t()).clamp(min=1)
    assert ((found - expected).abs() < 2e-6 * size).all()


def test_others_are_rounded_to_11_bits():
    weight, vectors = torch.randn(70, 50), torch.eye(50)
    found = HalfLinear.of(weight, None)(vectors).t()
    assert not torch.equal(found, weight)
    assert ((found - weight).abs() <= weight.abs() * 2.0**-11 * 1.001).all()


def test_no_weights_at_all_are_no_trouble():
    assert torch.equal(HalfLinear.of(torch.zeros(3, 4), None)(torch.ones(2, 4)), torch.zeros(2, 3))

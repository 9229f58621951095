import math

import pytest
import torch
from torch import nn

from common.device import choose_device, choose_precision
from common.errors import InputError
from common.loss import Loss
from common.training import Training, TrainingConfig

PLAIN = TrainingConfig(
    learning_rate=0.1,
    warmup_steps=0,
    weight_decay=0.0,
    gradient_clip=0.0,
    device="cpu",
    precision="float32",
)


def config(**changes):
    return TrainingConfig(**(vars(PLAIN) | changes))


class Toy(nn.Module):
    """A matrix and a vector, whose loss is (the sum of all) x batch."""

    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(2, 2))
        self.vector = nn.Parameter(torch.ones(2))

    def loss(self, batch, label_smoothing):
        objective = (self.matrix.sum() + self.vector.sum()) * batch
        return Loss(objective, float(objective.detach()), 1)


class Network(nn.Module):
    """A convolution in the layout that processors like, dropout, and a parameter that nothing depends on."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last)
        self.output = nn.Linear(3, 1)
        self.unused = nn.Linear(3, 1)
        self.dropout = nn.Dropout(0.5)

    def loss(self, batch, label_smoothing):
        hidden = self.convolution(batch.contiguous(memory_format=torch.channels_last)).relu().mean((2, 3))
        objective = (self.output(self.dropout(hidden)) - 1).square().mean()
        return Loss(objective, float(objective.detach()), 1)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.5),  # a quarter of 2, after 4 steps of warm-up all of it
        (1, 1.0),
        (3, 2.0),
        (4, 2.0),
        (6, 2.0),  # the last half of the steps brings it down
        (7, 0.2 + 1.8 * 5 / 6),
        (9, 0.2 + 1.8 / 2),
        (12, 0.2),
        (99, 0.2),
    ],
)
def test_learning_rate(step, expected):
    settings = config(learning_rate=2.0, warmup_steps=4, cooldown=0.5, final_learning_rate=0.1)
    training = Training(Toy(), settings, total_steps=12)
    training.step_number = step
    assert training.learning_rate() == pytest.approx(expected, abs=1e-12)


def test_without_warm_up_the_first_step_has_the_highest_rate():
    assert Training(Toy(), config(), total_steps=10).learning_rate() == 0.1


def test_a_first_step_moves_each_weight_by_the_learning_rate_of_its_part():
    # Adam's first step is the sign of the gradient times the learning rate.
    model = Toy()
    Training(model, config(), total_steps=10, scales={"vec": 0.25}).step(3.0)
    assert torch.allclose(model.matrix, torch.full((2, 2), 0.9))
    assert torch.allclose(model.vector, torch.full((2,), 0.975))


def test_only_matrices_decay():
    model = Toy()
    Training(model, config(weight_decay=0.5), total_steps=10).step(3.0)
    assert torch.allclose(model.matrix, torch.full((2, 2), 1 - 0.1 * 0.5 - 0.1))
    assert torch.allclose(model.vector, torch.full((2,), 0.9))


@pytest.mark.parametrize(("clip", "norm"), [(0.0, math.sqrt(6) * 3), (1.0, 1.0), (100.0, math.sqrt(6) * 3)])
def test_the_gradient_is_clipped_as_a_whole(clip, norm):
    model = Toy()
    Training(model, config(gradient_clip=clip), total_steps=10).step(3.0)
    found = math.hypot(float(model.matrix.grad.norm()), float(model.vector.grad.norm()))
    assert found == pytest.approx(norm, rel=1e-5)


def test_frozen_parameters_stay():
    model = Toy()
    model.vector.requires_grad_(False)
    training = Training(model, config(weight_decay=0.5), total_steps=10)
    training.step(3.0)
    assert list(training.averages) == ["matrix"]
    assert torch.equal(model.vector, torch.ones(2))


def test_the_average_is_short_at_first_and_then_decays_as_set():
    model = Toy()
    training = Training(model, config(average_decay=0.15), total_steps=10)
    training.step(1.0)
    first = model.vector[0].item()
    assert torch.allclose(training.averages["vector"], torch.full((2,), 1 / 11 + first * 10 / 11))
    average = training.averages["vector"][0].item()
    training.step(1.0)  # 2 / 12 would be more than 0.15
    second = model.vector[0].item()
    assert torch.allclose(training.averages["vector"], torch.full((2,), 0.15 * average + 0.85 * second))


def test_other_weights_than_the_average_can_be_looked_at():
    model = Toy()
    training = Training(model, config(), total_steps=10)
    others = {"matrix": torch.full((2, 2), 3.0), "vector": torch.full((2,), 4.0)}
    with training.averaged(others):
        assert torch.equal(model.matrix, torch.full((2, 2), 3.0))
    assert torch.equal(model.vector, torch.ones(2))
    assert torch.equal(others["vector"], torch.full((2,), 4.0))


def test_averaged_exchanges_the_weights_and_brings_them_back():
    model = Toy()
    training = Training(model, config(average_decay=0.9), total_steps=10)
    for _ in range(3):
        training.step(1.0)
    weights, averages = model.matrix.detach().clone(), training.averages["matrix"].clone()
    assert not torch.equal(weights, averages)

    def look():
        with training.averaged():
            assert torch.equal(model.matrix, averages)
            assert not model.training
            raise KeyError

    with pytest.raises(KeyError):
        look()
    assert torch.equal(model.matrix, weights)
    assert torch.equal(training.averages["matrix"], averages)
    training.step(1.0)  # the optimizer still holds these very weights
    assert model.training
    assert not torch.equal(model.matrix, weights)


def test_no_average_means_the_weights_as_they_are():
    model = Toy()
    training = Training(model, config(average_decay=0.0), total_steps=10)
    for _ in range(3):
        training.step(1.0)
    assert torch.equal(training.averages["matrix"], model.matrix)


def test_a_loss_that_is_no_number_stops_before_the_weights_are_spoilt():
    model = Toy()
    training = Training(model, config(), total_steps=10)
    training.step(1.0)
    weights = model.matrix.detach().clone()
    with pytest.raises(
        InputError, match=r"diverged at step 1 \(the loss is nan.*lower training.learning_rate"
    ):
        training.step(math.nan)
    assert torch.equal(model.matrix, weights)


def test_a_gradient_that_is_no_number_stops_too():
    class Root(Toy):
        def loss(self, batch, label_smoothing):
            objective = (self.vector - 1).sqrt().sum()  # 0, but infinitely steep
            return Loss(objective, float(objective.detach()), 1)

    model = Root()
    with pytest.raises(
        InputError, match=r"diverged at step 0 \(the loss is 0.0, the norm of its gradient inf"
    ):
        Training(model, config(), total_steps=10).step(1.0)
    assert torch.equal(model.vector, torch.ones(2))


@pytest.mark.parametrize(("seed", "same"), [(1, True), (2, False)])
def test_chance_depends_on_the_number_of_the_step_alone(seed, same):
    """And on the seed: whatever else has drawn random numbers in between, as validations do."""

    def losses(settings, draws):
        torch.manual_seed(1)
        training = Training(Network(), settings, total_steps=10)
        picture = torch.ones(4, 2, 5, 5)
        found = []
        for number in range(4):
            torch.rand(draws * number)
            found.append(training.step(picture).nats)
        return found

    assert (losses(config(), 0) == losses(config(seed=seed), 3)) == same


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("epochs", 0, "at least 1"),
        ("learning_rate", 0.0, "above 0"),
        ("learning_rate", math.nan, "above 0"),
        ("learning_rate", math.inf, "above 0"),
        ("warmup_steps", -1, "at least 0"),
        ("weight_decay", math.nan, "at least 0"),
        ("gradient_clip", -0.1, "at least 0"),
        ("patience", -1, "at least 0"),
        ("keep_best", 0, "at least 1"),
        ("cooldown", 1.5, "from 0 to 1"),
        ("save_minutes", -1.0, "at least 0"),
        ("threads", -1, "at least 0"),
        ("label_smoothing", 1.1, "from 0 to 1"),
        ("average_decay", -0.1, "from 0 to 1"),
        ("final_learning_rate", 2.0, "from 0 to 1"),
    ],
)
def test_wrong_settings(name, value, rule):
    with pytest.raises(ValueError, match=f"^{name} must be {rule}, got {value}$"):
        TrainingConfig(**{name: value})


def test_devices_and_precisions():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(InputError, match="device warp: not available on this machine; use cpu"):
        choose_device("warp")
    cpu = torch.device("cpu")
    assert choose_precision("float32", cpu) == torch.float32
    assert choose_precision("bfloat16", cpu) == torch.bfloat16
    assert choose_precision("auto", cpu) in (torch.float32, torch.bfloat16)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_products_are_computed_in_the_precision_asked_for(precision):
    training = Training(Toy(), config(precision=precision), total_steps=1)
    with training.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert str(product.dtype) == f"torch.{precision}"

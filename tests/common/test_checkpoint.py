import pytest
import torch
from torch import nn

from common.checkpoint import average_weights, load_checkpoint, save_checkpoint, save_weights
from common.errors import InputError
from common.loss import Loss
from common.training import Training, TrainingConfig
from common.workers import Workers

SETTINGS = TrainingConfig(
    learning_rate=0.1, warmup_steps=0, average_decay=0.9, device="cpu", precision="float32"
)


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


def pictures(number):
    return torch.randn(4, 2, 5, 5, generator=torch.Generator().manual_seed(number))


def test_a_checkpoint_goes_on_to_the_bit(tmp_path):
    torch.manual_seed(1)
    model = Network()
    training = Training(model, SETTINGS, total_steps=20)
    for number in range(4):
        training.step(pictures(number))
    save_checkpoint(training, tmp_path, {"epoch": 2, "note": "ü"})
    expected = [training.step(pictures(number)).nats for number in range(4, 10)]

    torch.manual_seed(99)
    other = Network()
    resumed = Training(other, SETTINGS, total_steps=20)
    progress = load_checkpoint(resumed, tmp_path)
    assert progress == {"epoch": 2, "note": "ü", "step": 4}
    assert [resumed.step(pictures(number)).nats for number in range(4, 10)] == expected
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, other.get_parameter(name)), name
        assert torch.equal(training.averages[name], resumed.averages[name]), name
    assert resumed.learning_rate() == training.learning_rate()


@pytest.mark.parametrize(("count", "expected"), [(1, [3.0, 4.0]), (2, None)])
def test_what_a_model_carries_goes_on_where_one_process_trains(tmp_path, count, expected):
    """Of several, each carries something else, and one of them writes the checkpoint."""
    training = Training(Network(), SETTINGS, total_steps=20)
    training.model.carried = torch.tensor([3.0, 4.0])
    training.workers = Workers(0, count)
    save_checkpoint(training, tmp_path, {})
    resumed = Training(Network(), SETTINGS, total_steps=20)
    load_checkpoint(resumed, tmp_path)
    carried = getattr(resumed.model, "carried", None)
    assert (None if carried is None else carried.tolist()) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no checkpoint to resume from; train without --resume"),
        (b"", "no checkpoint to resume from"),
        (b"not safetensors at all", "no checkpoint to resume from"),
    ],
)
def test_no_checkpoint(tmp_path, content, message):
    path = tmp_path / "training.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"training\.safetensors: {message}"):
        load_checkpoint(Training(Toy(), SETTINGS, total_steps=1), tmp_path)


def test_a_checkpoint_of_another_model(tmp_path):
    save_checkpoint(Training(Toy(), SETTINGS, total_steps=1), tmp_path, {})
    with pytest.raises(
        InputError, match=r"training\.safetensors: the checkpoint is of a model of another shape"
    ):
        load_checkpoint(Training(Network(), SETTINGS, total_steps=1), tmp_path)
    wider = Toy()
    wider.vector = nn.Parameter(torch.ones(3))
    with pytest.raises(InputError, match="another shape"):
        load_checkpoint(Training(wider, SETTINGS, total_steps=1), tmp_path)


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path):
    training = Training(Toy(), SETTINGS, total_steps=1)
    save_checkpoint(training, tmp_path, {"epoch": 1})
    with pytest.raises(TypeError):
        save_checkpoint(training, tmp_path, {"epoch": object()})
    assert load_checkpoint(training, tmp_path)["epoch"] == 1


def test_the_mean_of_weights_that_were_put_aside(tmp_path):
    training = Training(Toy(), SETTINGS, total_steps=1)
    paths = [tmp_path / name for name in ("one", "two", "three")]
    for path, value in zip(paths, (1.0, 2.0, 6.0), strict=True):
        with training.averaged({"matrix": torch.full((2, 2), value), "vector": torch.full((2,), -value)}):
            save_weights(training, path)
    found = average_weights(training, paths)
    assert torch.allclose(found["matrix"], torch.full((2, 2), 3.0))
    assert torch.allclose(found["vector"], torch.full((2,), -3.0))
    assert torch.equal(training.model.matrix, torch.ones(2, 2))


@pytest.mark.parametrize("damage", ["another model", "not safetensors"])
def test_weights_that_cannot_be_averaged(tmp_path, damage):
    path = tmp_path / "epoch-1.safetensors"
    if damage == "another model":
        save_weights(Training(Network(), SETTINGS, total_steps=1), path)
    else:
        path.write_bytes(b"x" * 20)
    with pytest.raises(
        InputError, match=r"epoch-1\.safetensors: not weights of this model .*; delete the file"
    ):
        average_weights(Training(Toy(), SETTINGS, total_steps=1), [path])

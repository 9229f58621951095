import json
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from common.checkpoint import load_checkpoint, save_checkpoint
from common.errors import InputError
from common.loss import Loss
from common.training import Training, TrainingConfig
from common.training_loop import train
from common.validation import Validation


class Number(nn.Module):
    """One weight, which learns to be the batch, give or take a random amount."""

    noise = 0.5

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def loss(self, batch, label_smoothing):
        objective = (self.weight - batch - self.noise * torch.rand(())).square().sum()
        return Loss(objective, float(objective.detach()), 2)


class Run:
    """A training of the number whose validations are given beforehand."""

    def __init__(self, folder, qualities=(), **settings):
        self.folder, self.qualities, self.lines = folder, qualities, []
        defaults = {"learning_rate": 0.1, "warmup_steps": 0, "save_minutes": 0.0, "device": "cpu"}
        self.config = TrainingConfig(**(defaults | {"epochs": len(qualities)} | settings))
        torch.manual_seed(1)
        self.model = Number()
        self.training = Training(self.model, self.config, total_steps=20)
        self.asked = []

    def batches(self, epoch):
        self.asked.append(epoch)
        return [torch.tensor([float(10 * epoch + place)]) for place in range(4)]

    def validate(self):
        assert not self.model.training
        assert torch.is_inference_mode_enabled()
        weight = float(self.model.weight)
        epoch = self.training.step_number // 4
        quality = self.qualities[epoch - 1]
        return Validation({"weight": weight}, weight if quality is None else quality, (f"at {weight}",))

    def keep(self, directory):
        directory.mkdir(exist_ok=True)
        (directory / "weight.json").write_text(json.dumps(float(self.model.weight.detach())))

    def __call__(self, *, resume=False):
        return train(
            self.training,
            self.batches,
            self.folder,
            validate=self.validate,
            keep=self.keep,
            resume=resume,
            report=self.lines.append,
        )

    def metrics(self):
        lines = (self.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def kept(self):
        return json.loads((self.folder / "best" / "weight.json").read_text())


def test_metrics_tell_of_each_epoch(tmp_path):
    run = Run(tmp_path / "a" / "b", [1.0, 2.0], learning_rate=1e-9)
    run.model.noise = 0.0
    assert run() == 2.0
    first, second = run.metrics()
    assert (first["epoch"], first["step"], second["epoch"], second["step"]) == (1, 4, 2, 8)
    # The weight is as good as 0; the batches are 0, 1, 2, 3, then 10, 11, 12, 13, of two tokens each.
    assert first["train_loss"] == pytest.approx((0 + 1 + 4 + 9) / 8, rel=1e-6)
    assert second["train_loss"] == pytest.approx((100 + 121 + 144 + 169) / 8, rel=1e-6)
    assert second["samples"] == [f"at {second['weight']}"]
    assert run.lines[0].startswith("epoch 1: train_loss 1.75  weight ")
    assert run.lines[0].endswith(f"\n  at {first['weight']}")


def test_the_average_is_what_is_validated_and_kept(tmp_path):
    run = Run(tmp_path, [1.0], average_decay=0.9)
    run()
    average = float(run.training.averages["weight"])
    assert run.metrics()[0]["weight"] == average != float(run.model.weight.detach())
    assert run.kept() == average


def test_the_best_is_kept_and_of_equals_the_later(tmp_path):
    run = Run(tmp_path, [1.0, 3.0, 3.0, 2.0])
    assert run() == 3.0
    assert run.kept() == run.metrics()[2]["weight"]


def test_stopping_early(tmp_path):
    run = Run(tmp_path, [1.0, 3.0, 2.0, 2.9, 5.0, 5.0], patience=2)
    assert run() == 3.0
    assert len(run.metrics()) == 4
    assert run.lines[-1] == "no better for 2 epochs: stopping"


class AveragingRun(Run):
    """The last validation, that of the average, is given as well."""

    def __init__(self, folder, qualities, average, **settings):
        super().__init__(folder, qualities, **({"keep_best": 3} | settings))
        self.average = average

    def validate(self):
        found = super().validate()
        seen = (self.folder / "metrics.jsonl").exists() and self.metrics()
        if not seen or seen[-1]["epoch"] < self.training.step_number // 4:
            return found
        return replace(found, quality=self.average)


@pytest.mark.parametrize(("average", "best"), [(9.0, 9.0), (4.0, 4.0), (3.5, 4.0)])
def test_the_best_epochs_are_averaged_and_the_better_is_kept(tmp_path, average, best):
    run = AveragingRun(tmp_path, [1.0, 4.0, 2.0, 3.0], average)
    assert run() == best
    *epochs, last = run.metrics()
    weights = [each["weight"] for each in epochs]
    mean = (weights[1] + weights[2] + weights[3]) / 3
    assert (last["epoch"], last["step"], last["averaged"]) == (4, 16, [2, 3, 4])
    assert last["weight"] == pytest.approx(mean, rel=1e-6)
    assert last["quality"] == average
    assert run.kept() == (last["weight"] if best == average else weights[1])
    assert run.lines[-1].startswith("average of epochs 2, 3, 4")
    assert ("no better" in run.lines[-1]) == (best > average)
    kept = sorted(path.name for path in tmp_path.glob("epoch-*"))
    assert kept == [f"epoch-{n}.safetensors" for n in (2, 3, 4)]


def test_one_epoch_is_no_average(tmp_path):
    run = AveragingRun(tmp_path, [1.0], 9.0)
    assert run() == 1.0
    assert len(run.metrics()) == 1


@pytest.mark.parametrize("step", [5, 9, 15, 16])
def test_averages_are_the_same_after_a_kill(tmp_path, kill, step):
    """Also in the epoch in which the weights of another are let go, and after the end of it all."""
    qualities = [4.0, 1.0, 2.0, 3.0]
    settings = {"average": 5.0, "keep_best": 2}
    AveragingRun(tmp_path / "whole", qualities, **settings)()
    if step < 16:
        kill(step, AveragingRun(tmp_path / "parts", qualities, save_minutes=5.0, **settings))
    else:
        AveragingRun(tmp_path / "parts", qualities, **settings)()
    assert AveragingRun(tmp_path / "parts", qualities, **settings)(resume=True) == 5.0
    same(tmp_path / "whole", tmp_path / "parts")
    assert {path.name for path in (tmp_path / "parts").glob("epoch-*")} == {
        "epoch-1.safetensors",
        "epoch-4.safetensors",
    }


def test_with_more_epochs_the_average_is_still_to_be_beaten(tmp_path):
    AveragingRun(tmp_path, [1.0, 2.0], 5.0)()
    average = AveragingRun(tmp_path, [1.0, 2.0], 5.0).kept()
    assert AveragingRun(tmp_path, [1.0, 2.0, 4.0], 3.0)(resume=True) == 5.0
    assert AveragingRun(tmp_path, [1.0, 2.0], 5.0).kept() == average


def test_there_are_curves_after_the_first_epoch(tmp_path, kill):
    kill(5, Run(tmp_path, [1.0, 2.0]))
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_checkpoint_of_before_there_were_averages_goes_on(tmp_path):
    """Its progress says nothing of the epochs that are kept."""
    Run(tmp_path, [1.0, 2.0])()
    training = Run(tmp_path, [1.0, 2.0]).training
    progress = load_checkpoint(training, tmp_path)
    del progress["kept"]
    save_checkpoint(training, tmp_path, progress)
    assert Run(tmp_path, [1.0, 2.0, 3.0], keep_best=2)(resume=True) == 3.0


def test_what_has_stopped_stays_stopped(tmp_path):
    qualities = [1.0, 3.0, 2.0, 2.9, 5.0, 5.0]
    Run(tmp_path, qualities, patience=2)()
    before = (tmp_path / "training.safetensors").read_bytes()
    again = Run(tmp_path, qualities, patience=2)
    assert again(resume=True) == 3.0
    assert again.asked == []
    assert (tmp_path / "training.safetensors").read_bytes() == before
    assert len(again.metrics()) == 4


def test_resuming_what_is_finished_changes_nothing_and_more_epochs_go_on(tmp_path):
    Run(tmp_path, [1.0, 2.0])()
    assert Run(tmp_path, [1.0, 2.0])(resume=True) == 2.0
    longer = Run(tmp_path, [1.0, 2.0, 3.0])
    assert longer(resume=True) == 3.0
    assert longer.asked == [2]
    assert [record["epoch"] for record in longer.metrics()] == [1, 2, 3]


def same(first, second):
    assert (first / "metrics.jsonl").read_bytes() == (second / "metrics.jsonl").read_bytes()
    assert (first / "training.safetensors").read_bytes() == (second / "training.safetensors").read_bytes()
    assert (first / "best/weight.json").read_bytes() == (second / "best/weight.json").read_bytes()


@pytest.mark.parametrize(
    ("step", "save_minutes"),
    [(1, 0.0), (3, 0.0), (4, 0.0), (6, 0.0), (11, 0.0), (4, 5.0), (6, 5.0), (11, 5.0)],
)
def test_killed_and_resumed_is_as_never_stopped(tmp_path, kill, step, save_minutes):
    qualities = [2.0, 1.0, 3.0]
    Run(tmp_path / "whole", qualities)()
    kill(step, Run(tmp_path / "parts", qualities, save_minutes=save_minutes))
    torch.rand(7)
    Run(tmp_path / "parts", qualities)(resume=True)
    same(tmp_path / "whole", tmp_path / "parts")


def test_killed_between_the_metrics_and_the_checkpoint(tmp_path):
    """The epoch is on file already when the process dies; resumed, it must not stand there twice."""
    Run(tmp_path / "whole", [1.0, 2.0])()
    run = Run(tmp_path / "parts", [1.0, 2.0])

    def die(line):
        raise KeyboardInterrupt

    run.lines = type("Dies", (), {"append": staticmethod(die)})
    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(run.metrics()) == 1
    Run(tmp_path / "parts", [1.0, 2.0])(resume=True)
    same(tmp_path / "whole", tmp_path / "parts")


def test_training_anew_forgets_the_metrics_of_an_older_run(tmp_path):
    Run(tmp_path, [1.0, 2.0, 3.0])()
    run = Run(tmp_path, [5.0])
    run()
    assert [record["epoch"] for record in run.metrics()] == [1]
    assert run.kept() == run.metrics()[0]["weight"]


def test_divergence_stops_and_the_checkpoint_before_it_is_good(tmp_path):
    run = Run(tmp_path, [1.0, 2.0])
    good = run.batches
    run.batches = lambda epoch: [*good(epoch)[:2], torch.tensor([math.nan])]
    with pytest.raises(InputError, match="training diverged at step 2"):
        run()
    resumed = Run(tmp_path, [1.0, 2.0])
    resumed(resume=True)
    assert math.isfinite(resumed.metrics()[-1]["weight"])


def test_nothing_to_resume(tmp_path):
    with pytest.raises(InputError, match="no checkpoint to resume from"):
        Run(tmp_path / "new", [1.0])(resume=True)


def test_an_output_that_is_a_file(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match=r"runs/a: cannot be made \(.*\); choose another output"):
        Run(tmp_path / "runs" / "a", [1.0])()

"""Processes that train together, as real processes: `torchrun` runs this very file, or the command line."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn

from common.cli import main
from common.loss import Loss
from common.training import Training, TrainingConfig, prepare
from common.workers import Workers
from data.synthetic import write_numbers

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
SETTINGS = TrainingConfig(
    learning_rate=0.01, warmup_steps=0, cooldown=0.0, average_decay=0.5, device="cpu", precision="float32"
)


class Line(nn.Module):
    """Learns a line through points, mean of squares over a batch; one of its parameters plays no part."""

    def __init__(self):
        super().__init__()
        self.slope = nn.Linear(3, 1)
        self.idle = nn.Linear(2, 2)

    def loss(self, batch, label_smoothing):
        squares = (self.slope(batch[:, :3]).squeeze(1) - batch[:, 3]).square()
        return Loss(squares.mean(), float(squares.sum().detach()), len(batch))


def points(number):
    """A batch, of as many points as no other."""
    return torch.randn(3 + number, 4, generator=torch.Generator().manual_seed(number))


def learn(batches):
    """Losses and weights after learning from the batches, one a step."""
    torch.manual_seed(7)
    training = Training(Line(), SETTINGS, total_steps=100)
    losses = [training.step(batch) for batch in batches]
    weights = {name: parameter.tolist() for name, parameter in training.model.named_parameters()}
    return {
        "nats": [loss.nats for loss in losses],
        "tokens": [loss.tokens for loss in losses],
        "weights": weights,
        "step": training.step_number,
    }


def name_threads(path):
    """Write which threads there are, as Linux shows them."""
    with path.open("w") as file:
        for task in Path("/proc/self/task").glob("*"):
            with suppress(FileNotFoundError):  # It may end meanwhile.
                file.write((task / "comm").read_text())


def work(folder):
    """What each of two processes does; it leaves files of what it has found."""
    # The last registered is the first to be called.
    atexit.register(lambda: name_threads(folder / f"threads-at-the-end-of-{workers.rank}"))
    workers = prepare(SETTINGS)
    name_threads(folder / f"threads-of-{workers.rank}")
    with workers.first_goes_first():
        if workers.is_first:
            time.sleep(0.3)
            (folder / "cache").write_text("computed once")
        cache = (folder / "cache").read_text()
    lines = []
    workers.only_first(lines.append)("a report")
    found = {
        "count": workers.count,
        "cache": cache,
        "lines": lines,
        "total": workers.total(1.0, 10.0 * workers.rank, device=torch.device("cpu")),
        "from_first": workers.from_first({"rank": workers.rank}),
        "learned": learn([points(2 * step + workers.rank) for step in range(4)]),
    }
    (folder / f"rank-{workers.rank}.json").write_text(json.dumps(found))


def die_at(step_number, arguments):
    """Run a command whose training dies at a step."""
    real = Training.step

    def step(self, batch):
        if self.step_number == step_number:
            os._exit(9)
        return real(self, batch)

    Training.step = step
    return main(arguments)


@pytest.fixture(scope="module")
def two(environment, tmp_path_factory):
    """Run two processes."""

    def run(*arguments, cwd=None):
        folder = cwd or tmp_path_factory.mktemp("two")
        return subprocess.run(
            [*TORCHRUN, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            cwd=folder,
            timeout=600,
        )

    return run


@pytest.fixture(scope="module")
def folder_of_two(two, tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    done = two(__file__, "work", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def found(folder_of_two):
    return [json.loads((folder_of_two / f"rank-{rank}.json").read_text()) for rank in (0, 1)]


def test_the_first_goes_first_speaks_and_decides(found):
    assert [each["cache"] for each in found] == ["computed once"] * 2
    assert [each["lines"] for each in found] == [["a report"], []]
    assert [each["from_first"] for each in found] == [{"rank": 0}] * 2
    assert [each["total"] for each in found] == [[2.0, 10.0]] * 2


def test_two_learn_what_one_learns_from_twice_the_batch(found):
    """Although one of the two batches of a step has more points than the other."""
    expected = learn([torch.cat([points(2 * step), points(2 * step + 1)]) for step in range(4)])
    for each in found:
        assert each["learned"]["tokens"] == expected["tokens"]
        assert each["learned"]["nats"] == pytest.approx(expected["nats"], rel=1e-4)
        for name, weights in expected["weights"].items():
            assert torch.allclose(
                torch.tensor(each["learned"]["weights"][name]), torch.tensor(weights), atol=1e-5
            ), name
        assert each["learned"]["step"] == 2 * expected["step"]  # each batch counts
    assert found[0]["learned"] == found[1]["learned"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the threads of a process as files")
def test_no_thread_of_the_group_outlives_it(found, folder_of_two):
    """One that let go of a tensor while Python ended would abort a process that has done its work."""
    for rank in (0, 1):
        assert "gloo" in (folder_of_two / f"threads-of-{rank}").read_text()
        assert "gloo" not in (folder_of_two / f"threads-at-the-end-of-{rank}").read_text()


def test_alone():
    workers = Workers.join()
    assert workers == Workers(0, 1)
    assert workers.is_first
    assert workers.total(1.5, 2, device=torch.device("cpu")) == [1.5, 2]
    assert workers.from_first([1]) == [1]
    with workers.first_goes_first():
        pass


RECIPE = """
tokens_per_batch = 130
[[pairs]]
source = "numbers.digits"
target = "numbers.words"
source_language = "digits"
target_language = "words"
both_ways = false
[model]
vocabulary_size = 280
embedding_size = 8
encoder_size = 8
encoder_layers = 1
decoder_size = 16
decoder_layers = 1
maximum_length = 30
attention = false
[training]
epochs = 3
keep_best = 2
save_minutes = 0
threads = 1
device = "cpu"
"""
TRAIN = ("train", "translator", "recipe.toml", "--set")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    write_numbers(folder, 60, seed=1)
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def whole(two, folder):
    return two("-m", "common", *TRAIN, "output=whole", cwd=folder)


@pytest.fixture(scope="module")
def killed(two, folder):
    """A run that dies in its second epoch."""
    done = two(__file__, "die-at", 12, *TRAIN, "output=killed", cwd=folder)
    assert done.returncode != 0
    return folder / "killed"


def steps(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [record["step"] for record in map(json.loads, lines) if "averaged" not in record]


@pytest.mark.slow
def test_one_set_of_files_and_one_report(whole, folder, call, monkeypatch):
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout == f"{Path('whole/best')}\n"
    assert whole.stderr.count("weights\n") == whole.stderr.count("epoch 1: ") == 1
    names = {path.name for path in (folder / "whole").iterdir()} - {"tensorboard"}
    assert {name for name in names if not name.startswith("epoch-")} == {
        *("best", "curves.png", "metrics.jsonl", "training.lock", "training.safetensors")
    }
    monkeypatch.chdir(folder)
    assert call(*TRAIN, "output=alone", "--set", "training.epochs=1").status == 0
    # The last batch of an epoch has none beside it: then one comes twice.
    (batches,) = steps(folder / "alone")
    assert batches % 2 == 1
    assert steps(folder / "whole") == [epoch * (batches + 1) for epoch in (1, 2, 3)]


@pytest.mark.slow
def test_killed_and_resumed_is_as_never_stopped(two, whole, killed, folder, assert_same_run):
    shutil.copytree(killed, folder / "resumed")
    done = two("-m", "common", *TRAIN, "output=resumed", "--resume", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert_same_run(folder / "whole", folder / "resumed")


@pytest.mark.slow
def test_another_number_of_processes_goes_on(killed, folder, call, monkeypatch, two):
    shutil.copytree(killed, folder / "other")
    monkeypatch.chdir(folder)
    outcome = call(*TRAIN, "output=other", "--set", "training.epochs=2", "--resume")
    assert (outcome.status, outcome.lines) == (0, ["other/best"])
    assert len(steps(folder / "other")) == 2
    done = two("-m", "common", *TRAIN, "output=other", "--resume", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "other/best\n"), done.stderr
    assert len(steps(folder / "other")) == 3


@pytest.mark.slow
def test_a_language_model_is_trained_and_resumed(two, tmp_path):
    (tmp_path / "book.txt").write_text("the cat sees fish.\na dog likes bones.\n" * 100)
    call = ("train", "language-model", "book.txt", "--output", "out", "--set", "model.hidden_size=8")
    call += ("--set", "training.save_minutes=0", "--set", "training.device=cpu", "--epochs")
    for epochs in (1, 2):
        done = two("-m", "common", *call, epochs, *["--resume"] * (epochs - 1), cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "out/best\n"), done.stderr
        assert len(steps(tmp_path / "out")) == epochs


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work(Path(sys.argv[2]))
    else:
        sys.exit(die_at(int(sys.argv[2]), sys.argv[3:]))

import json
import subprocess
import sys

import pytest

from common.errors import InputError
from common.training_log import TrainingLog


def record(epoch, **figures):
    return {"epoch": epoch, "step": 4 * epoch, "train_loss": 1.5, "bleu de-en": 20.0 + epoch, **figures}


def add(log, *records):
    for each in records:
        log.add({**each, "quality": 1.0}, (f"ein Hund -> dog {each['epoch']}", "ü"), "BLEU")
    log.close()


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def events(folder):
    """What TensorBoard would show: (step, value) of each scalar, and the texts."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    scalars = {
        tag: [(each.step, each.value) for each in found.Scalars(tag)] for tag in found.Tags()["scalars"]
    }
    texts = found.Tensors("samples/text_summary")
    return scalars, [(each.step, each.tensor_proto.string_val[0].decode()) for each in texts]


def test_everything_is_written_down(tmp_path):
    add(TrainingLog(tmp_path, 0, 0), record(1), record(2))
    assert lines(tmp_path) == [
        {**record(n), "quality": 1.0, "samples": [f"ein Hund -> dog {n}", "ü"]} for n in (1, 2)
    ]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    scalars, texts = events(tmp_path)
    assert scalars["bleu/de-en"] == [(4, 21.0), (8, 22.0)]
    assert scalars["train_loss"] == [(4, 1.5), (8, 1.5)]
    assert "epoch" not in scalars
    assert texts == [(4, "ein Hund -> dog 1  \nü"), (8, "ein Hund -> dog 2  \nü")]


def test_what_was_written_beyond_the_checkpoint_is_forgotten(tmp_path):
    """The third epoch, which is done again, and the average at the end."""
    add(TrainingLog(tmp_path, 0, 0), record(1), record(2), record(3), record(3, averaged=[2, 3]))
    add(TrainingLog(tmp_path, 2, 9), record(3, again=1.0))
    found = [(each["epoch"], "again" in each) for each in lines(tmp_path)]
    assert found == [(1, False), (2, False), (3, True)]
    scalars, texts = events(tmp_path)
    assert [step for step, _ in scalars["train_loss"]] == [4, 8, 12]
    assert {step for step, _ in texts} == {4, 8, 12}  # it does not forget texts
    assert scalars["again"] == [(12, 1.0)]


def test_a_training_anew_begins_with_nothing(tmp_path):
    add(TrainingLog(tmp_path, 0, 0), record(1), record(2))
    add(TrainingLog(tmp_path, 0, 0), record(1, other=2.0))
    assert len(lines(tmp_path)) == 1
    assert events(tmp_path)[0]["train_loss"] == [(4, 1.5)]


def test_a_line_that_a_crash_has_cut_off_is_dropped(tmp_path):
    add(TrainingLog(tmp_path, 0, 0), record(1), record(2))
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes() + b'{"epoch": 3, "st')
    add(TrainingLog(tmp_path, 3, 12), record(4))
    assert [each["epoch"] for each in lines(tmp_path)] == [1, 2, 4]


def test_without_tensorboard_there_is_all_the_rest(tmp_path, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    add(TrainingLog(tmp_path, 0, 0), record(1))
    assert {path.name for path in tmp_path.iterdir()} == {"curves.png", "metrics.jsonl", "training.lock"}
    assert capfd.readouterr() == ("", "")


def test_a_folder_is_of_one_training_however_that_ends(tmp_path):
    hold = "log = TrainingLog(Path(sys.argv[1]), 0, 0); print('held', flush=True); sys.stdin.read()"
    code = f"import sys; from pathlib import Path; from common.training_log import TrainingLog; {hold}"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another training writes there"):
            TrainingLog(tmp_path, 0, 0)
        other.kill()
    add(TrainingLog(tmp_path, 0, 0), record(1))
    add(TrainingLog(tmp_path, 1, 4), record(2))  # what is closed does not hold it either
    assert [each["epoch"] for each in lines(tmp_path)] == [1, 2]

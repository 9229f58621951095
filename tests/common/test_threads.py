import os
import subprocess
import sys

import pytest
import torch

from common import threads

TELL = "from common.threads import use_threads; use_threads({}); import torch; print(torch.get_num_threads())"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Has four processors, and runs as many threads as it is told."""

    def run(count):
        (tmp_path / "stat").write_text(f"cpu  1 2 3\nprocesses 99\nprocs_running {count}\nprocs_blocked 7\n")
        monkeypatch.setattr(threads, "STATISTICS", tmp_path / "stat")
        monkeypatch.setattr(os, "cpu_count", lambda: 4)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.delitem(sys.modules, "torch")

    return run


@pytest.mark.parametrize(("running", "expected"), [(1, None), (2, "3"), (4, "1"), (5, "1"), (90, "1")])
def test_no_more_threads_than_idle_processors(machine, running, expected):
    machine(running)
    threads.use_threads(None)
    assert os.environ.get("OMP_NUM_THREADS") == expected


def test_what_the_user_says_counts(machine, monkeypatch):
    machine(3)
    threads.use_threads(7)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    threads.use_threads(None)
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_a_part_of_the_machine_is_taken_whole(machine, monkeypatch):
    """What runs on the other processors says nothing of those that this process may use."""
    machine(3)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert threads.busy_elsewhere() == 0


@pytest.mark.parametrize("content", [None, b"", b"cpu 1 2\n"])
def test_a_system_that_does_not_tell(machine, tmp_path, content):
    machine(3)
    (tmp_path / "stat").unlink()
    if content is not None:
        (tmp_path / "stat").write_bytes(content)
    assert threads.busy_elsewhere() == 0


def test_a_program_that_has_pytorch_already_keeps_its_number(machine):
    before = torch.get_num_threads()
    threads.use_threads(None)
    assert torch.get_num_threads() == before


@pytest.mark.skipif(
    not threads.STATISTICS.exists() or len(os.sched_getaffinity(0)) != os.cpu_count(),
    reason="this system does not tell what runs, or not where",
)
def test_beside_busy_processes_there_is_one_thread(environment):
    """As the machine really is."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    bare = {name: value for name, value in environment.items() if name != "OMP_NUM_THREADS"}
    try:
        told = [
            subprocess.run(
                [sys.executable, "-c", TELL.format(wanted)], env=bare, capture_output=True, text=True
            )
            for wanted in ("None", "2")
        ]
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert [each.stdout.strip() for each in told] == ["1", "2"], [each.stderr for each in told]

import re
import shutil

import pytest


@pytest.fixture
def retrieval(call, colours):
    """Evaluate the captioner of colours, in this process."""
    return lambda *arguments: call("evaluate", "retrieval", *arguments, "--model", colours[0])


@pytest.fixture
def folder(colours, tmp_path):
    """The pictures of three colours with captions: the first ones right, of the second ones two."""
    for path in colours[1].iterdir():
        shutil.copy(path, tmp_path)
    seconds = {"red": "a red wall", "green": "a green wall", "blue": "a red wall"}
    lines = [f"{name}.png\ta {name} wall\n{name}.png\t{second}\n" for name, second in seconds.items()]
    (tmp_path / "captions.tsv").write_text("image\tcaption\n" + "".join(lines))
    return tmp_path


def test_every_photograph_is_found_as_a_process(inwords, colours, folder):
    flags = ("--images", folder, "--references", folder / "captions.tsv", "--model", colours[0])
    outcome = inwords("evaluate", "retrieval", *flags)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.lines[:2] == [
        "text to image: R@1 100.0, R@5 100.0, R@10 100.0, median rank 1",
        "chance: R@1 33.3, R@5 100.0, R@10 100.0, median rank 2",
    ]
    assert re.fullmatch(r"3 photographs\|3 captions\|score:probability\|model:[0-9a-f]{8}", outcome.lines[2])


def test_a_caption_of_another_photograph_misses(retrieval, folder):
    flags = ("--images", folder, "--references", folder / "captions.tsv", "--captions-per-image", "2")
    outcome = retrieval(*flags)
    assert outcome.lines[0].startswith("text to image: R@1 83.3, R@5 100.0")
    assert outcome.lines[2].startswith("3 photographs|6 captions|")


def test_what_cannot_be_read_is_left_out(retrieval, folder):
    (folder / "green.png").write_text("hello")
    outcome = retrieval("--images", folder, "--references", folder / "captions.tsv")
    assert outcome.status == 1
    assert f"error: {folder / 'green.png'}: not a picture" in outcome.err
    assert outcome.lines[1].startswith("chance: R@1 50.0")
    assert outcome.lines[2].startswith("2 photographs|2 captions|")


@pytest.mark.parametrize(
    ("images", "references", "more", "status", "message"),
    [
        ("missing", "captions.tsv", (), 1, "missing: no such folder; give that of the photographs"),
        ("empty", "captions.tsv", (), 1, "empty: none of the 3 photographs could be read"),
        (".", "missing.tsv", (), 1, "missing.tsv does not exist"),
        (".", "captions.tsv", ("--captions-per-image", "0"), 2, "--captions-per-image must be at least 1"),
        (".", "captions.tsv", ("--language", "fr"), 1, "does not write captions in fr"),
    ],
)
def test_what_cannot_be_measured(retrieval, folder, monkeypatch, images, references, more, status, message):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    outcome = retrieval("--images", images, "--references", references, *more)
    assert (outcome.status, outcome.out) == (status, "")
    assert outcome.err.splitlines()[-1].startswith(f"error: {message}") or message in outcome.err

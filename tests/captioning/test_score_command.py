import math
import re

import pytest
import torch

from captioning.matching import caption_ids, encode_pixels, read_beside, read_blindly, sums
from captioning.model import Captioner

CAPTIONS = ("a red wall", "A blue wall.")
FLAGS = ("--caption", CAPTIONS[0], "--caption", CAPTIONS[1])


@pytest.fixture
def score(call, colours):
    """Score with the captioner of colours, in this process."""
    return lambda *arguments: call("score", "--model", colours[0], *arguments)


@pytest.fixture(scope="module")
def expected(colours):
    """What Python makes of the red picture: log-probabilities beside it and without it."""
    captioner = Captioner.load(colours[0])
    ids = caption_ids(captioner, CAPTIONS)
    pixels = torch.from_numpy(captioner.pixels(colours[1] / "red.png")).unsqueeze(0)
    beside = sums(read_beside(captioner, encode_pixels(captioner, pixels), ids))[0]
    return beside, sums([read_blindly(captioner, ids)])[0], [len(each) for each in ids]


def test_a_table_of_scores(score, colours, expected):
    photograph = colours[1] / "red.png"
    outcome = score(photograph, *FLAGS)
    assert (outcome.status, outcome.err) == (0, "")
    header, *lines = (line.split("\t") for line in outcome.lines)
    assert header == ["score", "per_token", "gain", "image", "caption"]
    beside, blind, lengths = expected
    for line, caption, *values in zip(lines, CAPTIONS, beside, blind, lengths, strict=True):
        right, without, length = map(float, values)
        assert [float(each) for each in line[:3]] == pytest.approx(
            [right, right / length, right - without], abs=2e-4
        )
        assert line[3:] == [str(photograph), caption]
    assert float(lines[0][2]) > float(lines[1][2]) + 1  # it is red


def test_the_default_of_the_group_as_a_process(inwords, score, call, colours):
    photographs = [colours[1] / "red.png", colours[1] / "blue.png"]
    outcome = inwords("score", *photographs, *FLAGS, "--model", colours[0])
    assert (outcome.status, outcome.err) == (0, "")
    assert len(outcome.lines) == 5
    assert call("score", "caption", "--model", colours[0], *photographs, *FLAGS).out == outcome.out
    assert score(*FLAGS, "--", *photographs).out == outcome.out


def test_records_have_tokens_and_their_probabilities(score, colours):
    records = score(colours[1], *FLAGS, "--format", "jsonl").records
    names = sorted(str(path) for path in colours[1].iterdir())
    assert [record["image"] for record in records] == [name for name in names for _ in CAPTIONS]
    assert [record["caption"] for record in records] == list(CAPTIONS) * 3
    for record in records:
        assert "".join(record["tokens"]).strip() == f"{record['caption'].capitalize().rstrip('.')}.<eos>"
        if min(record["probabilities"]) > 0.01:
            assert sum(map(math.log, record["probabilities"])) == pytest.approx(record["score"], abs=0.05)
        assert record["score"] / len(record["tokens"]) == pytest.approx(record["per_token"], abs=1e-3)


def test_a_bad_file_is_reported_and_passed_over(score, colours, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("hello")
    good = score(colours[1] / "red.png", *FLAGS)
    outcome = score(bad, tmp_path / "missing.png", colours[1] / "red.png", *FLAGS)
    assert outcome.status == 1
    assert outcome.out == good.out
    assert [line.split(": ")[1] for line in outcome.err.splitlines()] == [
        str(bad),
        str(tmp_path / "missing.png"),
    ]
    records = score(bad, colours[1] / "red.png", *FLAGS, "--format", "jsonl").records
    assert [sorted(record)[0] for record in records] == ["error", "caption", "caption"]


def test_an_output(score, colours, tmp_path):
    outcome = score(colours[1], *FLAGS, "--output", tmp_path / "scores.tsv")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    assert (tmp_path / "scores.tsv").read_text() == score(colours[1], *FLAGS).out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("photo.jpg",), 2, "arguments are required: --caption"),
        (("--caption", "a dog"), 2, "arguments are required: PHOTO"),
        (("photo.jpg", "--caption", " ."), 1, "caption ' .' has no words; say what"),
        (("photo.jpg", "--caption", "a dog", "--language", "fr"), 1, "does not write captions in fr"),
        (("photo.jpg", "--caption", "a dog", "--output", "missing/x"), 1, "missing/x: cannot be written"),
    ],
)
def test_what_cannot_be_scored(score, arguments, status, message):
    outcome = score(*arguments)
    assert (outcome.status, outcome.out) == (status, "")
    assert re.fullmatch(rf"error: .*{re.escape(message)}.*\n", outcome.err)

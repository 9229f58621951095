import math
import re
import shutil

import pytest
from PIL import Image


@pytest.fixture
def find(call, colours):
    """Find with the captioner of colours, in this process."""
    return lambda *arguments: call("find", *arguments, "--model", colours[0])


def gains_and_names(outcome):
    """Of each line the gain, and the name of the file without its folder."""
    columns = [line.split("\t") for line in outcome.lines]
    return [(float(gain), path.rsplit("/", 1)[1]) for gain, path in columns]


@pytest.mark.parametrize("colour", ["red", "green", "blue"])
def test_the_planted_photograph_comes_first(find, colours, colour):
    outcome = find(f"a {colour} wall", colours[1])
    assert (outcome.status, outcome.err) == (0, "")
    (first, name), *others = gains_and_names(outcome)
    assert name == f"{colour}.png"
    assert len(others) == 2
    assert all(gain < first - 1 for gain, _ in others)


@pytest.fixture(scope="module")
def many(colours, tmp_path_factory):
    """Forty pictures, of which two are blue and one is damaged."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(40):
        name = "blue" if number in (11, 30) else ("red", "green")[number % 2]
        shutil.copy(colours[1] / f"{name}.png", folder / f"{number:02}.png")
    (folder / "05.png").write_text("hello")
    return folder


def test_among_many_the_gain_is_over_their_mean(find, many):
    outcome = find("a blue wall", many, "--top", "3")
    assert outcome.status == 1
    assert outcome.err.splitlines()[0].startswith(f"error: {many / '05.png'}: not a picture")
    assert outcome.err.splitlines()[1:] == ["1 of 40 photographs could not be read"]
    found = gains_and_names(outcome)
    assert [name for _, name in found[:2]] == ["11.png", "30.png"]
    # Two of 39 have nearly all of the probability, in equal parts.
    assert found[0][0] == pytest.approx(math.log(39 / 2), abs=0.05)
    assert found[2][0] < 0


def test_records(find, many, call, colours):
    records = find("a blue wall", many, "--format", "jsonl").records
    assert len(records) == 10
    assert all(list(record) == ["image", "gain", "score"] for record in records)
    flags = ("--caption", "a blue wall", "--model", colours[0], "--format", "jsonl")
    (alone,) = call("score", records[0]["image"], *flags).records
    assert records[0]["score"] == pytest.approx(alone["score"], abs=1e-3)


def test_a_search_with_an_index_as_a_process(inwords, find, colours, many, tmp_path):
    index = tmp_path / "photographs.index"
    flags = ("a blue wall", many, "--top", "3")
    outcome = inwords("find", *flags, "--index", index, "--model", colours[0])
    assert outcome.status == 1
    assert outcome.lines == find(*flags).lines
    (tmp_path / "new").mkdir()
    shutil.copy(many / "11.png", tmp_path / "new" / "another.png")
    again = find("a blue wall", many, tmp_path / "new", "--index", index, "--top", "3")
    assert [name for _, name in gains_and_names(again)] == ["11.png", "30.png", "another.png"]


def test_a_name_with_a_line_break_stays_on_its_line(find, tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "two\nlines.png")
    outcome = find("a red wall", tmp_path)
    assert (outcome.status, len(outcome.lines)) == (0, 1)
    (record,) = find("a red wall", tmp_path, "--format", "jsonl").records
    assert record["image"] == str(tmp_path / "two\nlines.png")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("a dog",), 2, "arguments are required: FOLDER"),
        (("a dog", ".", "--top", "0"), 2, "--top must be at least 1, got 0"),
        (("...", "."), 1, "caption '...' has no words; say what"),
        (("a dog", "missing.jpg"), 1, "missing.jpg: there is no such file"),
        (("a dog", "empty"), 1, "empty: no picture in this folder"),
        (("a dog", ".", "--language", "fr"), 1, "does not write captions in fr"),
        (("a dog", ".", "--index", "text.txt"), 1, "text.txt: not an index of photographs, or damaged"),
        (("a dog", ".", "--index", "missing/x"), 1, "missing/x: cannot be written"),
    ],
)
def test_what_cannot_be_found(find, tmp_path, monkeypatch, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("hello")
    outcome = find(*arguments)
    assert (outcome.status, outcome.out) == (status, "")
    assert re.fullmatch(rf"error: .*{re.escape(message)}.*\n", outcome.err)

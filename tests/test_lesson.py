"""The lesson does what it says: its commands and its Python, run in its order in an empty folder.

That the command line takes all of its commands is checked in ``test_house_rules.py``.
"""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from common.cli import main
from common.generation import LanguageModel
from common.sampling import Sampling

DOCUMENTS = Path(__file__).parents[1] / "docs"
LESSON = (DOCUMENTS / "lesson.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", LESSON, re.MULTILINE | re.DOTALL)


def commands(program):
    """The arguments of the lesson's calls of a program."""
    return [shlex.split(call) for call in re.findall(rf"^\$ {program} (.*)", LESSON, re.MULTILINE)]


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    """A folder with all that the lesson makes before its first Python block that needs a model."""
    folder = tmp_path_factory.mktemp("lesson")
    with contextlib.chdir(folder):
        for flag, code in commands("python"):
            assert flag == "-c"
            exec(code, {})
        (recipe,) = blocks("toml")
        Path("hello.toml").write_text(recipe, encoding="utf-8")
        (training,) = (words for words in commands("inwords") if words[0] == "train")
        assert main(training) == 0
    return folder


def test_what_it_trains_writes_hello(classroom):
    model = LanguageModel.load(classroom / "runs" / "hello" / "best")
    assert model.generate("h", 20, Sampling(temperature=0)).text == ("hello " * 4)[:21]


def test_an_empty_state_costs_what_the_lesson_says(classroom):
    """In each window the first character is a guess between five."""
    model = LanguageModel.load(classroom / "runs" / "hello" / "best")
    carried, emptied = (model.measure("hello " * 100, streams=count) for count in (1, 75))
    assert emptied.nats_per_character > 5 * carried.nats_per_character


def test_the_python_runs(classroom, monkeypatch):
    """Block after block in one session; those that the lesson shows an output of print as much."""
    monkeypatch.chdir(classroom)
    names = {}
    shown = re.findall(r"^```python\n(.*?)^```\n(?:```\n(.*?)^```)?", LESSON, re.MULTILINE | re.DOTALL)
    assert shown
    for code, expected in shown:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, "docs/lesson.md", "exec"), names)
        assert len(printed.getvalue().splitlines()) == len(expected.splitlines()), code


def test_the_pictures_are_there():
    named = re.findall(r"!\[.*?\]\((.*?)\)", LESSON)
    assert "four-shapes.svg" in named
    assert [name for name in named if not (DOCUMENTS / name).is_file()] == []


def test_the_code_that_it_names_is_there():
    named = re.findall(r"`((?:\w+/)+\w+\.py)`", LESSON)
    assert "common/decoder.py" in named
    assert [name for name in named if not (DOCUMENTS.parent / name).is_file()] == []

import json
import os
import sys
import threading

import pytest

from common.errors import InputError
from common.output import json_line, one_line, open_output, texts_of
from common.result import Result


def test_without_a_path_it_is_standard_output(capsys):
    with open_output(None) as file:
        assert file is sys.stdout
        print("words", file=file)
    assert capsys.readouterr().out == "words\n"


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "out.txt"
    with open_output(path) as file:
        print("zwölf 😀", file=file)
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == "zwölf 😀\n".encode()
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("problem", [InputError("bad"), KeyboardInterrupt(), SystemExit(143), ValueError()])
def test_an_interrupted_run_leaves_the_former_file_and_no_half(tmp_path, problem):
    path = tmp_path / "out.txt"
    path.write_text("former\n")

    def half() -> None:
        with open_output(path) as file:
            file.write("half of the ne")
            raise problem

    with pytest.raises(type(problem)):
        half()
    assert path.read_text() == "former\n"
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "missing/out.txt",
            "out.txt: cannot be written .No such file or directory.; choose another --output",
        ),
        ("", "is a folder; name a file in it"),
        ("file.txt/out.txt", "cannot be written .Not a directory."),
        ("n" * 300, "cannot be written .File name too long."),
    ],
)
def test_what_cannot_be_written_is_refused_before_any_work(tmp_path, name, message):
    (tmp_path / "file.txt").write_text("stays\n")
    with pytest.raises(InputError, match=message), open_output(tmp_path / name):
        pytest.fail("the work began")
    assert (tmp_path / "file.txt").read_text() == "stays\n"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_the_root_is_a_folder_too(tmp_path):
    with pytest.raises(InputError, match="is a folder"), open_output(tmp_path.parent.parent / ".."):
        pytest.fail("the work began")


def test_a_pipe_is_written_to_as_it_is(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    with open_output(path) as file:
        print("words", file=file)
    reader.join(10)
    assert read == ["words\n"]
    assert path.is_fifo()


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.txt").write_text("former\n")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with open_output(tmp_path / "link.txt") as file:
        print("new", file=file)
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new\n"
    assert sorted(os.listdir(tmp_path)) == ["link.txt", "real.txt"]


def test_a_name_that_is_not_text_comes_back_from_json(tmp_path):
    name = os.fsdecode(b"photo \xe4.jpg")
    path = tmp_path / "out.jsonl"
    with open_output(path) as file:
        print(json_line({"image": name, "caption": "Schnee ü"}), file=file)
    line = path.read_bytes().decode("utf-8")
    assert "Schnee ü" in line
    assert os.fsencode(json.loads(line)["image"]) == b"photo \xe4.jpg"


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b", "a\x0bb"])
def test_an_item_stays_on_its_line(text):
    assert one_line(text) == "a b"
    assert "\n" not in json_line({"text": text})


def test_an_item_has_as_many_lines_as_were_asked_for():
    result = Result("a\nb", -0.25, alternatives=(Result("c", -12.34567),))
    assert texts_of(Result("a\nb", -0.25), 1) == ["a b"]
    assert texts_of(result, 2) == ["-0.2500\ta b", "-12.3457\tc"]
    assert texts_of(result, 4) == ["-0.2500\ta b", "-12.3457\tc", "", ""]
    assert texts_of(InputError("bad"), 3) == ["", "", ""]

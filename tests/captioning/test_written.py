import json
import re
from pathlib import Path

import pytest

from captioning.written import read_written
from common.errors import InputError
from data.records import CaptionedImage

IMAGES = Path("photos")
RECORDS = [CaptionedImage(IMAGES / name, ("a",)) for name in ("b.jpg", "sub/a.jpg", "c d.jpg")]


def written(tmp_path, text):
    path = tmp_path / "captions"
    path.write_text(text, encoding="utf-8")
    return read_written(path, RECORDS, IMAGES)


def lines_of(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_lines_are_in_the_order_of_the_photographs(tmp_path):
    assert written(tmp_path, "one\n\nzwei Hünde\n") == ["one", "", "zwei Hünde"]


@pytest.mark.parametrize("folder", ["", "photos/", "/elsewhere/the photos/", "./"])
def test_records_are_found_whatever_the_folder_was_called(tmp_path, folder):
    found = written(
        tmp_path,
        lines_of(
            {"image": folder + "c d.jpg", "caption": "three", "score": -1.5},
            {"image": folder + "a.jpg", "caption": "another folder's"},
            {"image": folder + "sub/a.jpg", "caption": "two"},
            {"image": folder + "b.jpg", "error": "b.jpg: the file is empty"},
        ),
    )
    assert isinstance(found[0], InputError)
    assert str(found[0]) == "b.jpg: the file is empty"
    assert found[1:] == ["two", "three"]


def test_names_that_are_whole_paths(tmp_path):
    path = tmp_path / "captions.jsonl"
    path.write_text(lines_of({"image": "/data/x.jpg", "caption": "one"}))
    assert read_written(path, [CaptionedImage(Path("/data/x.jpg"), ("a",))], Path("photos")) == ["one"]


B, A = {"image": "b.jpg", "caption": "one"}, {"image": "sub/a.jpg", "caption": "two"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 lines for 3 photographs; give one line for each, or JSONL with image and caption"),
        ("a\nb\n", "has 2 lines for 3 photographs"),
        ("a\nb\nc\nd\n", "has more lines for 3 photographs"),
        (
            lines_of(B),
            r"has no caption of sub/a.jpg (2 of 3 photographs have none); name those to measure on",
        ),
        (lines_of(B, A, B), ", line 3: b.jpg has a caption already; leave one of them out"),
        (lines_of(B) + "{", ', line 2: expected a JSON record {"image", "caption"} ('),
        (lines_of({"image": "b.jpg"}), ", line 1: expected a record whose 'image' and 'caption' are texts"),
        (lines_of(B, ["a"]), ", line 2: expected a record whose 'image' and 'caption' are texts"),
        (lines_of({"image": "b.jpg", "caption": 3}), ", line 1: expected a record whose"),
    ],
)
def test_names_what_is_wrong(tmp_path, text, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        written(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "captions"))

from pathlib import Path

import pytest

from common.errors import InputError
from data.captions import read_captions
from data.records import CaptionedImage


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_each_line_of_a_text_beside_a_picture_is_a_caption(tmp_path):
    files = {
        "b.JPG": "",
        "b.txt": "A dog.\n\n  Ein Hündchen \n",
        "summer/a.png": "",
        "summer/a.png.txt": "\ufeffThe sea.\r\n",
        "summer/a.xmp": "no picture",
        "without-text.jpg": "",
        "README.txt": "no picture is called so",
        ".thumbnails/b.jpg": "",
        ".thumbnails/b.txt": "hidden",
    }
    assert read_captions(write(tmp_path, files), tmp_path, language="de") == [
        CaptionedImage(tmp_path / "b.JPG", ("A dog.", "Ein Hündchen"), "de"),
        CaptionedImage(tmp_path / "summer/a.png", ("The sea.",), "de"),
    ]


@pytest.mark.parametrize(
    ("files", "split", "message"),
    [
        ({"a.jpg": "", "a.txt": " \n"}, None, r"a\.txt is empty; write a caption on each line, or remove"),
        ({"a.jpg": "", "b.txt": "words"}, None, r"has no captions; expected .* a folder of images and \.txt"),
        ({"a.jpg": "", "a.txt": "words"}, "val", r"has no splits to choose 'val' from"),
    ],
)
def test_bad_folders(tmp_path, files, split, message):
    with pytest.raises(InputError, match=message):
        read_captions(write(tmp_path, files), tmp_path, split=split)

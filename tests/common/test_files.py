import gzip
from pathlib import Path

import pytest

from common.errors import InputError
from common.files import read_filled_lines, read_json, read_lines, read_text


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"one\ntwo", ["one", "two"]),
        (b"one\r\n\r\ntwo\r\n", ["one", "", "two"]),
        (b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n", ["one", "\ufefftwo"]),
        ("a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\rh\n".encode(), ["a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\rh"]),
        ("Käse 🐕\n".encode(), ["Käse 🐕"]),
    ],
)
@pytest.mark.parametrize("name", ["plain.txt", "named.gz", "gzip-without-suffix"])
def test_lines_end_at_line_feeds_only(tmp_path: Path, content: bytes, lines: list[str], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content if name == "plain.txt" else gzip.compress(content))
    assert list(read_lines(path)) == lines


def test_text_keeps_its_line_endings_but_not_the_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n\nthree")
    assert read_text(path) == "one\r\ntwo\n\nthree"


def test_filled_lines_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("\none\n \t\ntwo\n")
    assert list(read_filled_lines(path)) == [(2, "one"), (4, "two")]


# Without the time: tests are named after it, and processes that share them must agree on the names.
PACKED = gzip.compress(b"some text that is long enough to be cut\n" * 20, mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "latin",
            "eins\nzwei\nüber\n".encode("latin-1"),
            r"latin, line 3: byte 1 \(0xfc\) is not UTF-8; convert",
        ),
        ("utf16", "eins\n".encode("utf-16"), r"utf16, line 1: byte 1 \(0xff\) is not UTF-8"),
        ("cut.gz", PACKED[:-20], r"cut.gz is not a whole gzip file .*again"),
        ("bent.gz", PACKED[:15] + b"\x00\xff\x00" + PACKED[18:], r"bent.gz is not a whole gzip file"),
        ("fake.gz", b"no gzip at all", r"fake.gz is not a whole gzip file"),
        ("absent", None, r"absent does not exist; check the path"),
        (".", None, r"is a folder; name a file in it"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        list(read_lines(tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "", '{"a": 1}\n{"a": 2}', "[" * 100_000])
def test_json_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "records.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"records.json is not JSON .*name it .jsonl"):
        read_json(path)

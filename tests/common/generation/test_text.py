from itertools import pairwise
from pathlib import Path

import pytest

from common.errors import InputError
from common.generation.text import read_corpus, read_pieces, split_corpus


def test_corpus_has_one_kind_of_line_ending(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffTo be,\r\nor not\n\n to be".encode())
    assert read_corpus(path) == "To be,\nor not\n\n to be"


@pytest.mark.parametrize("content", ["", "\n \r\n"])
def test_empty_corpus(tmp_path: Path, content: str) -> None:
    path = tmp_path / "text.txt"
    path.write_text(content)
    with pytest.raises(InputError, match=r"text.txt is empty; give"):
        read_corpus(path)


@pytest.mark.parametrize(
    ("text", "fraction", "training", "validation"),
    [
        ("0123456789", 0.1, "012345678", "9"),
        ("012345678", 0.1, "01234567", "8"),
        ("0123456789", 0.25, "01234567", "89"),
        ("0123456789", 0, "0123456789", ""),
        ("", 0.1, "", ""),
    ],
)
def test_split_is_in_order(text: str, fraction: float, training: str, validation: str) -> None:
    assert split_corpus(text, fraction) == (training, validation)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_impossible_fraction(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"validation_share must be in \[0, 1\]"):
        split_corpus("text", fraction)


def test_split_of_tinyshakespeare() -> None:
    path = Path("../shared/data/tinyshakespeare/input.txt")
    if not path.is_file():
        pytest.skip("tinyshakespeare is not in ../shared/data/tinyshakespeare")
    training, validation = split_corpus(read_corpus(path))
    assert (len(training), len(validation)) == (1_003_855, 111_539)


TEXT = "To be, or not to be:\n  that is  the question.\n\nWhether 'tis nobler in the mind to suffer\n" * 3


@pytest.mark.parametrize("size", [15, 40, 100_000])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.01])
def test_pieces_are_the_text(tmp_path: Path, size: int, share: float) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    pieces = list(read_pieces(path, share, size))
    before, expected = split_corpus(TEXT, share)
    assert "".join(piece for _, piece in pieces) == expected
    assert all(0 < len(piece) <= size for _, piece in pieces)
    read = before
    for line, piece in pieces:
        assert line == 1 + read.count("\n")
        read += piece


def test_pieces_end_where_one_space_parts_two_words(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    pieces = [piece for _, piece in read_pieces(path, size=30)]
    for piece, after in pairwise(pieces):
        assert not piece[-1].isspace()
        assert after[0] == " "
        assert not after[1].isspace()


def test_pieces_of_a_text_without_spaces(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abcdefgh" * 3 + "\nab")
    assert [piece for _, piece in read_pieces(path, size=10)] == ["abcdefghab", "cdefghabcd", "efgh\nab"]


@pytest.mark.parametrize(
    ("content", "share", "message"),
    [
        (b"", 1.0, "text.txt is empty; give a file with text"),
        (b" \n", 1.0, "text.txt is empty"),
        (b"", 0.5, "the last 0.5 of it holds no text"),
        (b"abc" + 100 * b"\n", 0.5, "text.txt: the last 0.5 of it holds no text; take more of it"),
        (b"caf\xe9\n", 0.5, "text.txt, line 1: byte 4 .0xe9. is not UTF-8"),
    ],
)
def test_pieces_of_no_text(tmp_path: Path, content: bytes, share: float, message: str) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_pieces(path, share))

from pathlib import Path

import pytest

from common.errors import InputError
from common.text import read_corpus, split_corpus


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

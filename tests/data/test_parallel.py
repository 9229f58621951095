import gzip
from pathlib import Path

import pytest

from common.errors import InputError
from data.parallel import read_pairs, read_sentences
from data.records import SentencePair

PAIRS = [
    SentencePair("Ein Hund.", "A dog.", "de", "en"),
    SentencePair('Das "Haus"', "The\u2028house", "de", "en"),
]
SOURCE = 'Ein Hund.\n\nLeer\n Das "Haus" \n'
TARGET = "A dog.\r\nempty\r\n \r\nThe\u2028house\r\n"


def test_two_files(tmp_path: Path) -> None:
    source, target = tmp_path / "text.de.gz", tmp_path / "text.en"
    source.write_bytes(gzip.compress(SOURCE.encode()))
    target.write_bytes(TARGET.encode())
    assert read_pairs(source, target, source_language="de", target_language="en") == PAIRS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.tsv", 'Ein Hund.\tA dog.\n\nLeer\t\n\tempty\nDas "Haus"\tThe\u2028house\n'),
        (
            "text.jsonl",
            '{"source": "Ein Hund.", "target": "A dog.", "id": 3}\n\n{"source": "Leer", "target": ""}\n'
            '{"target": "The\\u2028house", "source": "Das \\"Haus\\""}\n',
        ),
    ],
)
@pytest.mark.parametrize("is_packed", [False, True])
def test_one_file(tmp_path: Path, name: str, content: str, is_packed: bool) -> None:
    path = tmp_path / (name + ".gz" * is_packed)
    path.write_bytes(gzip.compress(content.encode()) if is_packed else content.encode())
    assert read_pairs(path, source_language="de", target_language="en") == PAIRS


def test_sentences_keep_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("\none\n\n two\n\n")
    assert read_sentences(path) == ["", "one", "", " two", ""]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tsv", "a\tb\nc\n", r"x.tsv, line 2: expected SOURCE<TAB>TARGET, got 1 columns"),
        ("x.tsv", "a\tb\tCC-BY\n", r"x.tsv, line 1: expected SOURCE<TAB>TARGET, got 3 columns; keep two"),
        (
            "x.jsonl",
            '{"source": "a", "target": "b"}\n{"source": "a"}\n',
            r'x.jsonl, line 2: expected .*{"source"',
        ),
        ("x.jsonl", '{"source": "a", "target": 3}\n', r"x.jsonl, line 1: expected a JSON record"),
        ("x.jsonl", '["a", "b"]\n', r"x.jsonl, line 1: expected a JSON record"),
        ("x.jsonl", "a\tb\n", r"x.jsonl, line 1: expected a JSON record"),
        ("x.tsv", "a\t\n\t\n", r"x.tsv has no sentence pairs"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_pairs(tmp_path / name, source_language="de", target_language="en")


def test_unequal_files(tmp_path: Path) -> None:
    source, target = tmp_path / "text.de", tmp_path / "text.en"
    source.write_text("eins\nzwei\n")
    target.write_text("one\ntwo\nthree")
    with pytest.raises(InputError, match=r"text.de has 2 lines and .*text.en has 3; line N"):
        read_pairs(source, target, source_language="de", target_language="en")


@pytest.mark.parametrize(("split", "count"), [("train", 29_000), ("val", 1_014), ("test_2016_flickr", 1_000)])
def test_real_multi30k(split: str, count: int) -> None:
    folder = Path("../shared/data/multi30k")
    if not folder.is_dir():
        pytest.skip("Multi30k is not in ../shared/data/multi30k")
    source, target = folder / f"{split}.de.gz", folder / f"{split}.en.gz"
    assert len(read_pairs(source, target, source_language="de", target_language="en")) == count

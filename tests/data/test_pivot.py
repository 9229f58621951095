import gzip
from pathlib import Path

import pytest

from data.__main__ import main
from data.pivot import pivot
from data.records import SentencePair


def test_pairs_meet_where_a_sentence_is_the_same() -> None:
    first = [
        SentencePair("Hallo.", "Hello.", "de", "en"),
        SentencePair("Guten Tag.", "Hello.", "de", "en"),
        SentencePair("Hallo.", "Hello.", "de", "en"),
        SentencePair("Nein.", "No.", "de", "en"),
    ]
    second = [
        SentencePair("Yes.", "Oui.", "en", "fr"),
        SentencePair("Hello.", "Salut.", "en", "fr"),
        SentencePair("hello.", "Coucou.", "en", "fr"),
        SentencePair("No.", "Non.", "en", "fr"),
        SentencePair("Hello.", "Bonjour.", "en", "fr"),
        SentencePair("Hello.", "Salut.", "en", "fr"),
    ]
    assert [(pair.source, pair.target) for pair in pivot(first, second)] == [
        ("Hallo.", "Salut."),
        ("Guten Tag.", "Salut."),
        ("Nein.", "Non."),
        ("Hallo.", "Bonjour."),
        ("Guten Tag.", "Bonjour."),
    ]
    assert {(pair.source_language, pair.target_language) for pair in pivot(first, second)} == {("de", "fr")}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    contents = {"a.de": "Ja.\nNein.\n", "a.en": "Yes.\nNo.\n", "b.en": "No.\nWell.\n", "b.fr": "Non.\nBon.\n"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return [str(tmp_path / name) for name in contents]


def test_the_command_writes_both_sides(tmp_path: Path, files: list[str], capsys) -> None:
    outputs = [str(tmp_path / "c.de.gz"), str(tmp_path / "c.fr")]
    assert main(["pivot", *files, "--output", *outputs]) == 0
    assert gzip.decompress((tmp_path / "c.de.gz").read_bytes()) == b"Nein.\n"
    assert (tmp_path / "c.fr").read_text() == "Non.\n"
    said = capsys.readouterr()
    assert said.out.split() == outputs
    assert "1 pairs of 2 and 2" in said.err


@pytest.mark.parametrize(
    ("names", "output", "said"),
    [
        (["a.de", "a.en", "b.fr", "b.en"], ["c", "d"], "b.fr have no line in common"),
        (["a.de", "a.en", "b.en", "b.fr"], ["c", "c"], "c is read as well or written twice"),
        (["a.de", "a.en", "b.en", "b.fr"], ["c", "b.fr"], "b.fr is read as well or written twice"),
        (["a.de", "a.en", "b.en", "none"], ["c", "d"], "none"),
        (["a.de", "a.en", "b.en", "b.fr"], ["no/c", "d"], "c cannot be written"),
    ],
)
def test_what_cannot_be_joined(tmp_path: Path, files: list[str], capsys, names, output, said) -> None:
    call = ["pivot", *(str(tmp_path / name) for name in names), "--output"]
    assert main([*call, *(str(tmp_path / name) for name in output)]) == 1
    assert said in capsys.readouterr().err

import gzip
import re
from collections import Counter
from pathlib import Path

import pytest

from data.__main__ import main
from data.captions import read_named_captions
from data.sentences import (
    count_words,
    is_spelled_like,
    photograph_id,
    read_photograph_ids,
    select_sentences,
)

SHARED = Path("../shared/data")
# Words past the first of a line: Hund 6, hund 1; klettern 21, Klettern 1; spielen 20; Auto 5, auto 1.
REFERENCE = (
    "Der Hund am See\n" * 6
    + "Der hund\n"
    + "Wir klettern am See\n" * 21
    + "Beim Klettern\n"
    + "Wir spielen am See\n" * 20
    + "Ein Auto ist rot\n" * 5
    + "Ein auto\n"
)


@pytest.fixture
def counts(tmp_path: Path) -> Counter[str]:
    path = tmp_path / "reference.de"
    path.write_text(REFERENCE)
    return count_words(path)


def test_words_are_counted_but_for_the_first_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress("Über dem See, über Über\n\nEin See\r\n".encode()))
    assert count_words(path) == Counter({"See": 2, "dem": 1, "über": 1, "Über": 1})


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Am See ist der Hund rot.", True),  # "der" is only ever first: the one unknown word
        ("Am See ist ein Hund und rot.", False),  # "ein" and "und": two unknown words
        ("Am see ist rot.", False),
        ("See am See ist rot.", True),  # the first word has its capital from being first
        ("Am See, hund.", False),  # Hund is six times as frequent
        ("Am See ist auto.", True),  # Auto is five times as frequent, not more
        ("Am See ist Klettern.", False),  # klettern is 21 times as frequent
        ("Am See ist Spielen.", True),  # spielen is 20 times as frequent as one would be
        ("Am See, am Hund, am Auto.", True),
        ("Hund", True),
    ],
)
def test_spelling_is_that_of_the_reference(counts: Counter[str], sentence: str, expected: bool) -> None:
    assert is_spelled_like(sentence, counts) is expected


@pytest.mark.parametrize(
    "name", ["12.jpg", "12_ab0c.jpg", "12", " 12\r", "images/12_ab.jpg", "12_ab.jpg#0", "12.v2_x.png"]
)
def test_names_of_one_photograph_have_one_id(name: str) -> None:
    assert photograph_id(name) == "12"


def words(number: int) -> str:
    return " ".join(f"w{index}" for index in range(number))


def test_sentences_are_tidied_of_middling_length_and_once_each_in_order() -> None:
    captions = [
        ("b_1.jpg", "a dog 's ball rolls"),
        ("a_1.jpg", words(3)),
        ("a_1.jpg", words(40)),
        ("b_1.jpg", words(41)),
        ("a_1.jpg", words(4)),
        ("c_1.jpg", "A dog's  ball rolls ."),
        ("b_1.jpg", ". , . ,"),
    ]
    selection = select_sentences(captions)
    assert selection.sentences == ("A dog's ball rolls.", f"W{words(40)[1:]}.", "W0 w1 w2 w3.")
    assert selection.left_out == {"not of 4 to 40 words": 3, "repeated": 1}


def test_only_what_is_kept_counts_towards_the_most_of_a_photograph() -> None:
    captions = [
        ("COCO_1.jpg", "too short"),
        ("COCO_1.jpg", "one is the first"),
        ("COCO_2.jpg", "one is the first"),
        ("COCO_1.jpg", "two is the second"),
        ("COCO_1.jpg", "three is the third"),
        ("COCO_2.jpg", "three is the third"),
    ]
    selection = select_sentences(captions, each=2)
    # The third caption of the first photograph is too many there, but welcome from the second.
    assert selection.sentences == ("One is the first.", "Two is the second.", "Three is the third.")
    assert selection.left_out == {"not of 4 to 40 words": 1, "repeated": 1, "beyond 2 of a photograph": 1}


def write_corpus(folder: Path) -> tuple[Path, Path, Path]:
    captions, lists, reference = folder / "captions.tsv", folder / "lists", folder / "reference.de"
    captions.write_text(
        "1_a.jpg\tam See ist Hund\n"
        "2_b.jpg\tam See ist Auto\n"
        "1_a.jpg\tam see ist hund\n"
        "3_c.jpg\tam See am See\n"
        "4_d.jpg\tam Auto am See\n"
        "1_a.jpg\tam See ist rot\n"
        "11_a.jpg\tam Hund am See\n"
    )
    lists.mkdir()
    (lists / "names.txt").write_text("2.jpg\r\n\n5.jpg\n")
    (lists / "ids.txt").write_text("3\n")
    (lists / "full.txt").write_text("4_d.jpg\n")
    reference.write_text(REFERENCE)
    return captions, lists, reference


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    captions, lists, reference = write_corpus(tmp_path)
    call = ["sentences", str(captions), "--without", str(lists / "names.txt"), str(lists / "ids.txt")]
    call += ["--without", str(lists / "full.txt"), "--spelled-like", str(reference), "--each", "1"]
    output = tmp_path / "mono.de"
    output.write_text("what was there before\n" * 9)
    assert main([*call, "--output", str(output)]) == 0
    assert output.read_bytes() == b"Am See ist Hund.\nAm Hund am See.\n"
    written = capsys.readouterr()
    assert written.out == f"{output}\n"
    assert written.err == (
        "kept 2 of 7 captions, left out 3 of unwanted photographs, 1 spelled otherwise,"
        " 1 beyond 1 of a photograph\n"
    )
    assert main([*call, "--output", f"{output}.gz"]) == 0
    assert gzip.decompress((tmp_path / "mono.de.gz").read_bytes()) == output.read_bytes()


def test_a_caption_of_two_lines_stays_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    captions, output = tmp_path / "captions.jsonl", tmp_path / "mono.en"
    captions.write_text('{"image": "1.jpg", "caption": "A dog\\nruns\\u2028on\\u0085and\\r\\non"}\n')
    assert main(["sentences", str(captions), "--output", str(output)]) == 0
    assert output.read_text() == "A dog runs on and on.\n"
    assert capsys.readouterr().err == "kept 1 of 1 captions, left out none\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.tsv", "--output", "out"], "missing.tsv does not exist; check the path"),
        (
            ["captions.tsv", "--output", "captions.tsv"],
            "captions.tsv is read as well or written twice; choose another",
        ),
        (["captions.tsv", "--output", "no/out"], "out cannot be written: .*; choose another --output"),
        (["captions.tsv", "--output", "out", "--without", "empty"], "empty has no names; expected"),
        (["captions.tsv", "--output", "out", "--spelled-like", "empty"], "empty has no words to compare"),
        (
            ["captions.tsv", "--output", "out", "--without", "captions.tsv"],
            "captions.tsv: kept 0 of 7 captions, left out 7 of unwanted photographs; nothing is left",
        ),
    ],
)
def test_errors(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    captions, _, _ = write_corpus(tmp_path)
    content = captions.read_bytes()
    (tmp_path / "empty").touch()
    monkeypatch.chdir(tmp_path)
    assert main(["sentences", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert re.search(message, error)
    assert captions.read_bytes() == content
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "all"])
def test_each_is_a_count(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["sentences", "captions.tsv", "--output", "out", "--each", number])
    assert ending.value.code == 2
    assert f"'{number}' is not a whole number from 1" in capsys.readouterr().err


def test_german_captions_without_capitals_go() -> None:
    captions, reference = SHARED / "flickr8k/captions.de.tsv", SHARED / "multi30k/train.de.gz"
    tested = SHARED / "flickr8k/test_image_ids.txt"
    if not (captions.is_file() and reference.is_file() and tested.is_file()):
        pytest.skip("the German captions of Flickr8k or Multi30k are not there")
    pairs = list(read_named_captions(captions))[:3000]
    without = read_photograph_ids(tested)
    chosen = select_sentences(pairs, without=without, spelled_like=count_words(reference)).sentences
    assert len(chosen) > len(pairs) / 2
    # A sentence without any capital past its first letter has no noun but its first word, or is misspelt.
    bare = [sentence for sentence in chosen if sentence[1:].islower()]
    assert len(bare) < len(chosen) / 50
    assert not any({"mädchen", "hund"} & set(sentence.split()) for sentence in chosen)

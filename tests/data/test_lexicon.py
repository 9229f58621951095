import gzip
from pathlib import Path
from random import Random

import pytest

from data.__main__ import main
from data.lexicon import lexicon

NOUNS = {"Hund": "dog", "Katze": "cat", "Baustelle": "construction site", "Turm": "tower", "Boot": "boat"}
VERBS = {"steht": "stands", "liegt": "lies", "brennt": "burns"}


def pairs(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """Sentences such as: Hier brennt der Turm, und dort steht ein Hund."""
    random = Random(seed)
    made = []
    for _ in range(count):
        nouns, verbs = random.sample(sorted(NOUNS), 2), random.sample(sorted(VERBS), 2)
        german = f"Hier {verbs[0]} der {nouns[0]}, und dort {verbs[1]} ein {nouns[1]}."
        english = (
            f"Here the {NOUNS[nouns[0]]} {VERBS[verbs[0]]}, and there a {NOUNS[nouns[1]]} {VERBS[verbs[1]]}."
        )
        if random.random() < 0.5:
            german, english = (
                f"{nouns[0]} und {nouns[1]}",
                f"{NOUNS[nouns[0]]} and {NOUNS[nouns[1]]}".capitalize(),
            )
        made.append((german, english))
    return made


def test_words_and_what_they_became() -> None:
    found = lexicon(pairs(400))
    # The parts of "construction site" may stand there too.
    assert {pair for pair in found if pair[0] in NOUNS and pair[0] != "Baustelle"} | {
        pair for pair in found if pair[0] in VERBS
    } | {("Baustelle", "construction site")} == {*(NOUNS | VERBS).items()}
    assert ("Baustelle", "construction site") in found
    assert ("und", "and") in found
    # A capital where a sentence begins is none of the word's.
    assert all(second.islower() for _, second in found if second != "Here")
    assert found == sorted(set(found))


def test_a_word_that_comes_once_has_no_translation() -> None:
    rare = ("Hier liegt der Wal, und dort steht ein Hund.", "Here the whale lies, and there a dog stands.")
    assert not [pair for pair in lexicon([*pairs(200), rare]) if "Wal" in pair[0]]
    assert ("Wal", "whale") in lexicon([*pairs(200), rare, rare])


def test_companions_are_left_out() -> None:
    """English has an article before some words only."""
    random = Random(3)
    made = [
        (f"{noun} {verb}", f"{'the ' * (random.random() < 0.4)}{NOUNS[noun]} {VERBS[verb]}")
        for noun in NOUNS
        for verb in VERBS
        for _ in range(20)
    ]
    found = [phrase for noun, phrase in lexicon(made) if noun in NOUNS]
    assert not [phrase for phrase in found if "the" in phrase]
    assert {*NOUNS.values()} <= {*found}


@pytest.mark.parametrize("made", [[], [("", ""), ("a", "")], [(" ".join("a" * 50), "b")], [("1 2", "3 .")]])
def test_nothing_to_find(made: list[tuple[str, str]]) -> None:
    assert lexicon(made) == []


def write(path: Path, lines: list[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def test_the_command_reads_several_files_and_writes_pairs_to_train_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = pairs(150), pairs(150, seed=2)
    call = ["lexicon"]
    for name, some in (("a", first), ("b", second)):
        call += ["--pairs", write(tmp_path / f"{name}.de", [x for x, _ in some])]
        call += [write(tmp_path / f"{name}.en", [x for _, x in some])]
    output = tmp_path / "words.tsv.gz"
    assert main([*call, "--output", str(output)]) == 0
    lines = gzip.decompress(output.read_bytes()).decode().splitlines()
    assert [tuple(line.split("\t")) for line in lines] == lexicon(first + second)
    written = capsys.readouterr()
    assert written.out == f"{output}\n"
    assert written.err == f"{len(lines)} translations of words out of 300 pairs of sentences\n"


def test_what_is_wrong_with_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = write(tmp_path / "one", ["1"]), write(tmp_path / "two", ["a", "b"])
    for call, message in (
        ([one, one, "--output", str(tmp_path / "out")], "0 translations of words out of 1 pairs"),
        ([one, two, "--output", str(tmp_path / "out")], "one has 1 lines and "),
        ([one, two, "--output", two], "two is read as well; choose another --output"),
        ([one, str(tmp_path / "none"), "--output", str(tmp_path / "out")], "none"),
    ):
        assert main(["lexicon", "--pairs", *call]) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

import re
from pathlib import Path

import pytest

from data.__main__ import main
from data.phrases import LANGUAGES, phrases
from translation.placeholders import PLACEHOLDERS


def test_every_phrase_says_the_same_names_and_numbers_in_all_languages():
    made = phrases(5)
    assert len(made) == len(set(made)) > 300
    for row in made:
        assert len(row) == len(LANGUAGES)
        assert all(text == text.strip() and text and not re.search("[{}\t]", text) for text in row), row
        numbers = [sorted(re.findall(rf"\d+|[{PLACEHOLDERS}]|\bTom\b", text)) for text in row]
        assert all(each == numbers[0] for each in numbers), row


def test_names_are_filled_in_anew():
    greetings = [
        row for row in phrases(8) if row[1].startswith("Sehr geehrter Herr ") and "Dr." not in row[1]
    ]
    names = {row[1].removeprefix("Sehr geehrter Herr ").rstrip(",") for row in greetings}
    assert len(names) == len(greetings) > 3
    for english, german, french, czech in greetings:
        name = english.removeprefix("Dear Mr. ").rstrip(",")
        assert name in (*PLACEHOLDERS, "Tom")
        assert german == f"Sehr geehrter Herr {name},"
        assert french == f"Cher Monsieur {name},"
        assert czech == f"Vážený pane {name},"
    assert phrases(3) == phrases(3) != phrases(3, seed=1)


def test_days_and_months_are_the_same_in_all_languages_and_in_their_case():
    made = {row[0]: row for row in phrases(60)}
    wednesday = made["Unfortunately I cannot come on Wednesday."]
    assert wednesday[1:] == (
        "Leider kann ich am Mittwoch nicht kommen.",
        "Malheureusement, je ne peux pas venir mercredi.",
        "Ve středu bohužel nemohu přijít.",
    )
    assert made["It is cold in December."][1:] == (
        "Im Dezember ist es kalt.",
        "En décembre, il fait froid.",
        "V prosinci je zima.",
    )
    months = [row for row in made.values() if re.fullmatch("My flight is on [A-Z][a-z]+ [0-9]+.", row[0])]
    assert len({row[0].split()[4] for row in months}) == 12
    for english, german, french, czech in months:
        if english.startswith("My flight is on June "):
            day = english.removeprefix("My flight is on June ").rstrip(".")
            assert german == f"Mein Flug geht am {day}. Juni."
            assert french == f"Mon vol est le {day} juin."
            assert czech == f"Letím {day}. června."


def test_the_command_writes_a_file_for_each_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["phrases", str(tmp_path), "--each", "2"]) == 0
    said = capsys.readouterr()
    assert said.out.split() == [str(tmp_path / f"phrases.{language}") for language in LANGUAGES]
    lines = [(tmp_path / f"phrases.{language}").read_text().splitlines() for language in LANGUAGES]
    assert list(zip(*lines, strict=True)) == phrases(2)
    assert f"{len(phrases(2))} phrases" in said.err
    assert main(["phrases", str(tmp_path / "nowhere")]) == 1
    assert "phrases.en cannot be written" in capsys.readouterr().err

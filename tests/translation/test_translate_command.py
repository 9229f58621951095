import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from common.page import SUFFIXES
from translation.model import Translator

SAMPLES = ("--temperature", "1", "--seed", "3")
"""Quick, and each line's result depends on its number."""


@pytest.fixture
def translate(call, tiny_translator):
    """Translate with the tiny model from de to en, in this process."""

    def run(*arguments, **options):
        flags = ("--to", "en", "--model", tiny_translator)
        from_flags = () if "--from" in arguments else ("--from", "de")
        return call("translate", *from_flags, *flags, *arguments, **options)

    return run


@pytest.mark.parametrize("packed_input", [False, True])
@pytest.mark.parametrize("packed_output", [False, True])
def test_files_plain_and_packed(translate, tmp_path, packed_input, packed_output):
    lines = b"ein hund\r\n\n  der schnee.  Der Hund 2012!\nm\xc3\xa4nner"
    source, target = tmp_path / ("in" + ".gz" * packed_input), tmp_path / ("out.txt" + ".gz" * packed_output)
    source.write_bytes(gzip.compress(lines) if packed_input else lines)
    outcome = translate("--input", source, "--output", target)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    written = gzip.decompress(target.read_bytes()) if packed_output else target.read_bytes()
    again = translate(stdin=lines)
    assert (again.status, again.err) == (0, "")
    assert written.decode() == again.out == translate("--input", "-", stdin=lines).out
    # Lines end as they did, the last one, which did not, as most do.
    assert [line.endswith(b"\r\n") for line in written.splitlines(keepends=True)] == [
        True,
        False,
        False,
        False,
    ]
    assert written.count(b"\n") == 4
    assert sorted(os.listdir(tmp_path)) == sorted([source.name, target.name])


RECORDS = """\
{"id": 1, "de": "ein hund", "nested": {"a": [1, null]}}
{"id": 2, "de": 7}
not JSON
{"id": 3, "en": "a dog"}

["ein hund"]
{"de": "der schnee", "translation": "old", "id": 4, "ä": "ö"}
"""


def test_records_keep_their_fields_and_bad_ones_their_places(translate, tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text(RECORDS, encoding="utf-8")
    outcome = translate("--input", path, "--field", "de", "--beam", "2")
    assert outcome.status == 1
    first, number, broken, missing, blank, array, last = outcome.records
    texts = translate("ein hund", "der schnee", "--beam", "2").lines
    additions = ["translation", "score", "tokens", "probabilities"]
    assert list(first) == ["id", "de", "nested", *additions]
    assert (first["id"], first["nested"]) == (1, {"a": [1, None]})
    assert first["translation"] == texts[0]
    assert list(last) == ["de", "id", "ä", *additions]
    assert (last["translation"], last["ä"]) == (texts[1], "ö")
    assert (number["id"], missing["en"], broken["source"]) == (2, "a dog", "not JSON")
    assert array["source"] == '["ein hund"]'
    assert blank["translation"] == ""
    errors = outcome.err.splitlines()
    for error, line, message in zip(
        errors,
        (2, 3, 4, 6),
        ("is 7, not a text", "not JSON", "has no field 'de'", "not a record"),
        strict=True,
    ):
        assert re.fullmatch(rf"error: {re.escape(str(path))}, line {line}: .*{message}.*", error)
    for record, error in zip((number, broken, missing, array), errors, strict=True):
        assert error.endswith(record["error"])


def test_records_of_several_translations(translate):
    stdin = b'{"t": "ein hund", "n": 1}\n'
    (record,) = translate("--field", "t", "--count", "3", stdin=stdin).records
    assert record["n"] == 1
    assert len(record["alternatives"]) == 2
    for each in (record, *record["alternatives"]):
        assert len(each["tokens"]) == len(each["probabilities"]) > 0
        assert all(0 <= probability <= 1 for probability in each["probabilities"])
    assert len({record["translation"], *(each["translation"] for each in record["alternatives"])}) == 3


def test_after_kill_9_it_goes_on_without_losing_or_repeating_a_line(
    translate, tiny_translator, environment, tmp_path
):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("".join(f"hund {number}\n" for number in range(1100)))
    samples = (*SAMPLES, "--max-length", "3")
    flags = ("--input", str(source), "--output", str(target), *samples)
    call = [sys.executable, "-m", "common", "translate", "--from", "de", "--to", "en"]
    process = subprocess.Popen([*call, "--model", str(tiny_translator), *flags], env=environment)
    part = tmp_path / "out.txt.part"
    deadline = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert not target.exists()
    # A half line is what a kill in the middle of writing leaves.
    done = part.read_bytes()
    part.write_bytes(done + b"half a li")
    assert done
    resumed = translate(*flags, "--resume")
    assert (resumed.status, resumed.err) == (0, "")
    assert target.read_bytes().startswith(done)
    assert target.read_text(encoding="utf-8") == translate("--input", source, *samples).out
    assert sorted(os.listdir(tmp_path)) == ["in.txt", "out.txt"]


@pytest.mark.parametrize(
    "flags", [("--count", "2"), ("--format", "jsonl"), ("--count", "2", "--format", "jsonl")]
)
def test_an_item_is_resumed_whole(translate, tmp_path, flags):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("ein hund\n\nder schnee\nein\n")
    flags = ("--input", source, *SAMPLES, *flags)
    whole = translate(*flags).out
    (tmp_path / "out.txt.part").write_text("".join(whole.splitlines(keepends=True)[:3]), encoding="utf-8")
    assert translate(*flags, "--output", target, "--resume").status == 0
    assert target.read_text(encoding="utf-8") == whole


def test_nothing_to_resume(translate, tmp_path):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("ein hund\n")
    assert translate("--input", source, "--output", target, "--resume").status == 0
    again = translate("--input", source, "--output", target, "--resume")
    assert again.status == 1
    assert re.fullmatch(r"error: .*out.txt is complete, nothing is left to resume; .*\n", again.err)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_explanations_are_drawn_beside_the_translation(translate, tmp_path, suffix):
    path = tmp_path / f"why{suffix}"
    text = "Ein hund läuft. Durch den schnee!"
    outcome = translate(text, "--explain", path, "--beam", "2")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == translate(text, "--beam", "2").out
    content = path.read_bytes()
    assert content.startswith({".png": b"\x89PNG\r\n", ".svg": b"<svg ", ".html": b"<!DOCTYPE html>"}[suffix])
    if suffix == ".html":
        assert content.count(b"<figure") == 2
        assert "läuft".encode() in content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Ein Hund.", "--explain", "why.pdf"), "why.pdf: an explanation is .html, .png, .svg"),
        (("12", "--explain", "why.html"), "there is no sentence to explain"),
        (
            ("Hund. " * 101, "--explain", "why.html", "--temperature", "1"),
            "101 sentences to explain; give at",
        ),
        (("Ein Hund.", "--explain", "missing/why.html", "--beam", "1"), "why.html: cannot be written"),
    ],
)
def test_what_cannot_be_explained(translate, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    outcome = translate(*arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("error: ")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert os.listdir(tmp_path) == []


@pytest.fixture(scope="module")
def garbage():
    """Fifty lines of random bytes, the last without an end."""
    numbers = random.Random(0)
    lines = [numbers.randbytes(numbers.randrange(60)).replace(b"\n", b"") for _ in range(50)]
    lines[3:6] = [b"", b"\r", b"\x1f\x8b\x08\x00"]
    return b"\n".join(lines)


def test_garbage(translate, garbage, tmp_path):
    path = tmp_path / "garbage"
    path.write_bytes(garbage)
    outcome = translate("--input", path, "--beam", "1")
    assert outcome.status == 1
    assert len(outcome.lines) == 50
    errors = outcome.err.splitlines()
    assert len(errors) > 30
    assert all(re.fullmatch(rf"error: {path}, line \d+: byte .* is not UTF-8; .*", error) for error in errors)


def test_garbage_as_records(translate, garbage):
    outcome = translate("--field", "text", *SAMPLES, stdin=garbage)
    assert outcome.status == 1
    assert len(outcome.records) == 50
    # Blank lines are blank texts; there are two or three of them.
    assert sum("error" in record for record in outcome.records) == outcome.err.count("error: line ") >= 47
    outcome = translate("--format", "jsonl", *SAMPLES, stdin=garbage)
    assert len(outcome.records) == 50


def test_garbage_that_is_text(translate):
    """Characters from anywhere in Unicode, unassigned ones too: line by line, without an error."""
    numbers = random.Random(1)
    points = [
        *range(0x20, 0x3000),
        *range(0x1F000, 0x1FAFF),
        *range(0xE000, 0xE100),
        0,
        7,
        0x85,
        0x2028,
        0xFFFF,
    ]
    lines = ["".join(chr(numbers.choice(points)) for _ in range(25)) for _ in range(50)]
    outcome = translate(*SAMPLES, stdin="\n".join(lines).encode())
    assert (outcome.status, outcome.err) == (0, "")
    assert len(outcome.lines) == 50


def test_the_language_found_is_said(translate, tiny_translator):
    texts = ["ein hund läuft durch den schnee", "a dog runs through the snow", "12"]
    detected = [each.language for each in Translator.load(tiny_translator).detect(texts, alike=True)]
    found = [language for language in detected if language]
    one = translate("--from", "auto", texts[0], "--to", "de")
    assert re.fullmatch(r"language found: (de|en)\n", one.err)
    outcome = translate("--from", "auto", *texts, "--format", "jsonl")
    said = re.fullmatch(r"languages found: (.*)\n", outcome.err)[1]
    counts = {part.split()[0]: int(part.split()[1]) for part in said.split(", ")}
    assert counts == {language: found.count(language) for language in found}
    assert [record.get("language", "") for record in outcome.records] == detected
    assert outcome.records[2]["translation"] == "12"


def test_a_language_that_was_named_is_not_said(translate):
    outcome = translate("ein hund", "--format", "jsonl")
    assert outcome.err == ""
    assert "language" not in outcome.records[0]
    assert translate("--from", "auto", "12").err == ""


def test_constraints_are_kept(translate):
    flags = ("--temperature", "0", "--max-length", "12")
    assert translate("ein hund", *flags, "--prefix", "The dog ").lines[0].startswith("The dog ")
    (free,) = translate("ein hund", *flags, "--format", "jsonl").records
    assert len(free["tokens"]) <= 12
    (bound,) = translate("ein hund", *flags, "--format", "jsonl", "--no-repeat-ngram", "1").records
    assert len(set(bound["tokens"])) == len(bound["tokens"])
    (long,) = translate("ein hund", "--min-length", "30", "--format", "jsonl").records
    assert len(long["tokens"]) >= 30
    banned = translate("ein hund", *flags, "--ban", "snow").lines[0]
    assert "snow" not in banned


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("Hund --input x", "give TEXT or --input, not both"),
        ("Hund --field x", "give TEXT or --field, not both"),
        ("Hund --resume --output x", "--resume goes on with a file"),
        ("--explain x.png", "--explain draws a few sentences: give them as TEXT"),
        ("Hund --beam 2 --temperature 1", "--beam searches and --temperature samples"),
        ("Hund --top-k 3 --length-penalty 1", "--length-penalty is of a beam"),
        ("Hund --count 5 --beam 3", "--count 5 needs a --beam at least as wide"),
        ("Hund --count 2 --temperature 0", "would be all the same"),
        ("Hund --diversity 1", "--diversity keeps several results apart"),
        ("Hund --seed 1", "--seed is of samples"),
        ("Hund --coverage-penalty 0.2 --temperature 1", "--coverage-penalty must go with a beam"),
        (
            "Hund --coverage-penalty 0.2 --count 2 --diversity 1",
            "--coverage-penalty must go without diversity",
        ),
        ("Hund --coverage-penalty -1", "--coverage-penalty must be a finite number of 0 or more, got -1.0"),
        ("Hund --coverage-penalty nan", "--coverage-penalty must be a finite number"),
        ("Hund --repetition-penalty 0", "--repetition-penalty must be"),
        ("Hund --min-length 9 --max-length 3", "--max-length must be at least 9, got 3"),
        ("Hund --no-repeat-ngram -1", "--no-repeat-ngram must be 0 or more"),
    ],
)
def test_flags_that_contradict_each_other(translate, arguments, message):
    outcome = translate(*arguments.split())
    assert (outcome.status, outcome.out) == (2, "")
    assert re.fullmatch(rf"error: .*{re.escape(message)}.* \(see inwords translate --help\)\n", outcome.err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "missing.txt"), "missing.txt does not exist; check the path"),
        (("--input", "."), ". is a folder; name a file in it"),
        (("--resume",), "--resume goes on with a file; name that of the interrupted run as --output"),
        (("Hund", "--prefix", "x " * 90), "is longer than the text may be; shorten it"),
        (("--from", "fr", "Hund"), "this model does not translate from fr to en"),
    ],
)
def test_what_cannot_be_done_is_one_line(translate, arguments, message):
    outcome = translate(*arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert re.fullmatch(rf"error: .*{re.escape(message)}.*\n", outcome.err)


def test_at_a_terminal_each_line_is_answered_before_the_next(environment, tiny_translator):
    terminal, theirs = os.openpty()
    call = [sys.executable, "-m", "common", "translate", "--from", "de", "--to", "en", "--beam", "1"]
    process = subprocess.Popen(
        [*call, "--model", str(tiny_translator)], stdin=theirs, stdout=subprocess.PIPE, env=environment
    )
    try:
        for line in (b"ein hund\n", b"2012\n"):
            os.write(terminal, line)
            answer = process.stdout.readline()
        assert answer == b"2012\n"
        os.write(terminal, b"\x04")  # the end of the input
        assert process.communicate(timeout=60)[0] == b""
        assert process.returncode == 0
    finally:
        process.kill()
        os.close(terminal)
        os.close(theirs)


def test_records_are_json_of_one_line_whatever_is_in_them(translate):
    stdin = json.dumps({"t": "ein\nhund\u2028läuft", "x": "a\nb"}).encode()
    (record,) = translate("--field", "t", *SAMPLES, stdin=stdin).records
    assert record["x"] == "a\nb"
    assert re.findall("[\n\u2028]", record["translation"]) == ["\n", "\u2028"]


def test_a_glossary(call, tiny_translator, tmp_path):
    (tmp_path / "glossary.tsv").write_text("ein Hund\tder Beutelbär\n", encoding="utf-8")
    flags = ("--model", tiny_translator, "--to", "en", "--glossary", tmp_path / "glossary.tsv")
    outcome = call("translate", "--from", "de", *flags, "ein Hund")
    assert outcome.status == 0
    assert "der Beutelbär" in outcome.out
    (tmp_path / "glossary.tsv").write_text("ein hund\n")
    outcome = call("translate", *flags, "ein Hund")
    assert (outcome.status, outcome.out) == (1, "")
    assert re.match(r"error: .*glossary\.tsv", outcome.err)

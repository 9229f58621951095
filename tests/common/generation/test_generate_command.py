import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from common.generation.model import LanguageModel


@pytest.fixture
def generate(call, tiny_language_model):
    """Run the command on a model that has learned nothing."""

    def run(*arguments, **settings):
        return call("generate", *arguments, "--model", tiny_language_model, **settings)

    return run


@pytest.fixture(scope="module")
def looping_model(tiny_language_model, tmp_path_factory):
    """The directory of a model that writes one letter again and again if it may."""
    model = LanguageModel.load(tiny_language_model, device="cpu")
    with torch.no_grad():
        model.decoder.bias[model.tokenizer.encode("o")] = 9.0
    directory = tmp_path_factory.mktemp("models") / "looping"
    model.save(directory)
    return directory


def test_greedy_is_temperature_0(generate):
    assert generate("To", "--greedy").out == generate("To", "--temperature", "0").out


def test_it_writes_while_it_goes_on(tiny_language_model, environment):
    """The beginning can be read from a pipe long before the end, which never comes."""
    call = [sys.executable, "-m", "common", "generate", "To be", "--model", str(tiny_language_model)]
    process = subprocess.Popen([*call, "--length", str(10**12)], stdout=subprocess.PIPE, env=environment)
    try:
        text = b""
        while len(text) < 200:
            text += os.read(process.stdout.fileno(), 1000)
    finally:
        process.kill()
        process.communicate()
    assert text.startswith(b"To be")


def test_stopped_before_a_string(generate):
    whole = generate("To", "--length", "200").out
    flags = ("--stop", "t", "--stop", "e")
    expected = "To" + re.split("[te]", whole[2:])[0] + "\n"
    assert generate("To", "--length", "200", *flags).out == expected
    (record,) = generate("To", "--length", "200", *flags, "--format", "jsonl").records
    assert record["text"] == expected[:-1]
    counted = generate("To", "--length", "50", "--count", "4", "--stop", "t").out
    assert "t" not in counted.removeprefix("To").replace("\nTo", "")


def test_a_line_break_can_be_given_to_stop_at(generate):
    text = generate("To", "--length", "400", "--temperature", "2").out
    assert "\n" in text[:-1]
    stopped = generate("To", "--length", "400", "--temperature", "2", "--stop", r"\n").out
    assert stopped == text[: text.index("\n") + 1]


def test_temperatures_side_by_side(generate, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    temperatures = ("0.2", "1", "3")
    lines = generate("To", "--length", "40", "--temperature", ",".join(temperatures)).lines
    assert re.split(r"\s{3,}", lines[0]) == ["temperature 0.2", "temperature 1", "temperature 3"]
    assert max(map(len, lines)) <= 110
    width = (110 + 3) // 3
    for column, temperature in enumerate(temperatures):
        alone = generate("To", "--length", "40", "--temperature", temperature).out
        shown = "".join(line[column * width : (column + 1) * width] for line in lines[2:])
        assert "".join(shown.split()) == "".join(alone.split())


def test_temperatures_below_each_other(generate, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "50")
    flags = ("To", "--length", "40", "--temperature", "0.2,3")
    alone = [generate("To", "--length", "40", "--temperature", each).out for each in ("0.2", "3")]
    expected = f"temperature 0.2\n---------------\n{alone[0]}\ntemperature 3\n-------------\n{alone[1]}"
    assert generate(*flags).out == expected
    monkeypatch.setenv("COLUMNS", "150")
    path = tmp_path / "out.txt"
    generate(*flags, "--output", path)
    assert path.read_text() == expected


def test_a_record_for_each_temperature(generate):
    records = generate("To", "--temperature", "0,1", "--length", "9", "--format", "jsonl").records
    assert [list(each) for each in records] == [
        ["temperature", "prompt", "text", "score", "loop"],
        ["temperature", "prompt", "text", "score"],
    ]
    assert [each["temperature"] for each in records] == [0, 1]


def test_a_loop_is_reported(call, looping_model):
    fixed = ("generate", "To b", "--length", "20", "--model", looping_model)
    outcome = call(*fixed, "--greedy")
    assert outcome.out == "To b" + "o" * 20 + "\n"
    assert outcome.err == (
        "note: from character 5 on it repeats 'o', as the likeliest mostly does; "
        "give a --temperature such as 0.7, or --no-repeat-ngram 20\n"
    )
    for flags in (("--greedy",), ("--beam", "2"), ("--top-k", "1")):
        (record,) = call(*fixed, *flags, "--format", "jsonl").records
        assert record["loop"] == {"start": 4, "period": 1}
    several = call(*fixed, "--temperature", "0,9")
    assert several.err.startswith("note: temperature 0: from character 5 on it repeats 'o'")
    assert call(*fixed, "--greedy", "--no-repeat-ngram", "4").err == ""
    # What was drawn is left alone, loop or not.
    assert call(*fixed, "--temperature", "0.01").err == ""


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--stop", ""), r"--stop must not be empty"),
        (("--length", "0"), r"--length must be at least 1, got 0"),
        (("--temperature", "0.2,,1"), r"argument --temperature: must be a number, or several .*'0\.2,,1'"),
        (("--temperature", "warm"), r"argument --temperature: must be a number, or several .* got 'warm'"),
        (("--temperature", "1,-1"), r"--temperature must be a finite number of 0 or more, got -1\.0"),
        (("--temperature", "1,2", "--beam", "3"), r"--beam searches and --temperature samples"),
        (("--temperature", "0,1", "--count", "2"), r"--count 2 would be all the same"),
        (("--interactive", "--greedy"), r"--interactive offers samples: give it no --beam and a --temp"),
        (("--interactive", "--beam", "3"), r"--interactive offers samples"),
        (("--interactive", "--temperature", "1,2"), r"--interactive samples at one --temperature"),
        (("--interactive", "--format", "jsonl"), r"--interactive ends with a text: give no --format jsonl"),
    ],
)
def test_flags_that_cannot_be(generate, flags, message):
    outcome = generate("To", *flags)
    assert (outcome.status, outcome.out) == (2, "")
    assert re.fullmatch(rf"error: {message}.*\n", outcome.err)


def test_help_teaches(call):
    outcome = call("generate", "--help")
    assert outcome.status == 0
    for each in ("--stop STRING", "--min-p P", "--typical P", "--greedy", "--interactive", "side by side"):
        assert each in outcome.out


# Written together


def talk(generate, *lines, flags=(), prompt="To be"):
    return generate("--interactive", prompt, *flags, stdin="".join(f"{line}\n" for line in lines).encode())


def offers(talked):
    """The offers of each turn, as they are shown."""
    return [re.findall(r"^  \d+  (.*?) +\S+%$", turn, re.MULTILINE) for turn in talked.err.split("> ")[:-1]]


def test_the_text_and_nothing_else_goes_to_standard_output(generate):
    outcome = talk(generate)
    assert (outcome.status, outcome.out) == (0, "To be\n")
    assert "a number takes an offer" in outcome.err
    assert len(offers(outcome)[0]) == 4


def test_an_offer_is_taken(generate):
    outcome = talk(generate, "2")
    taken = offers(outcome)[0][1].replace("…", "").replace("⏎", "")
    assert outcome.out.startswith("To be")
    assert outcome.out.removeprefix("To be").split() == taken.split()


def test_own_text_is_added_and_taken_back(generate):
    assert talk(generate, "or not", ", that", "is", "/undo").out == "To be or not, that\n"
    outcome = talk(generate, "one", "/undo", "/undo", "two")
    assert outcome.out == "To be two\n"
    assert "there is nothing to take back" in outcome.err


def test_an_empty_line_lets_the_model_write(generate):
    outcome = talk(generate, "", flags=("--length", "30"))
    written = outcome.out.removeprefix("To be").removesuffix("\n")
    assert 0 < len(written) <= 30
    assert written in outcome.err
    assert talk(generate, "", "/undo", flags=("--length", "30")).out == "To be\n"


def test_other_offers_and_as_many_as_wanted(generate):
    first, second = offers(talk(generate, "/other", flags=("--count", "6")))
    assert len(first) == len(second) == 6
    assert first != second


def test_saved_on_the_way(generate, tmp_path):
    path = tmp_path / "my story.txt"
    outcome = talk(generate, "or not", f"/save {path}", "more", f"/save {tmp_path}", "/save")
    assert path.read_text() == "To be or not\n"
    assert outcome.out == "To be or not more\n"
    assert f"saved to {path}\n" in outcome.err
    assert f"error: {tmp_path}: cannot be written (Is a directory); name another file\n" in outcome.err
    assert "/save needs the name of a file" in outcome.err


def test_quit_and_what_is_wrong(generate):
    outcome = talk(generate, "/help", "/sing", "7", "/quit", "never")
    assert (outcome.status, outcome.out) == (0, "To be\n")
    for each in ("/undo ", "there is no /sing; /help says", "there are offers 1 to 4; to write a number"):
        assert each in outcome.err


def test_what_cannot_be_read_does_not_end_it(generate):
    outcome = generate("--interactive", "To ☃", stdin="Ω\n".encode() + b"\xff\n or\n")
    assert (outcome.status, outcome.out) == (0, "To ☃ Ω � or\n")
    for each in ("'☃'", "'Ω'", "'�'"):
        assert f"note: the model has never seen {each}; it reads on without\n" in outcome.err


def test_nothing_left_to_offer_does_not_end_it(generate):
    outcome = talk(
        generate, "", "or", flags=("--no-repeat-ngram", "1"), prompt="To be, or not: that is question.\nh"
    )
    assert outcome.status == 0
    assert outcome.out.endswith(" or\n")
    assert outcome.err.count("no offers: ") >= 1
    assert "> error: what is asked for" in outcome.err


def test_written_to_a_file(generate, tmp_path):
    path = tmp_path / "text.txt"
    outcome = talk(generate, "or", flags=("--output", path))
    assert (outcome.out, path.read_text()) == ("", "To be or\n")


def test_interrupted_it_ends_with_the_text(tiny_language_model, environment):
    call = [sys.executable, "-m", "common", "generate", "--interactive", "To be"]
    process = subprocess.Popen(
        [*call, "--model", str(tiny_language_model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=Path(__file__).parents[3],
    )
    process.stdin.write(b"or not\n")
    process.stdin.flush()
    shown = b""
    while shown.count(b"> ") < 2:
        shown += os.read(process.stderr.fileno(), 1000)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=100)
    assert (process.returncode, out) == (0, b"To be or not\n")

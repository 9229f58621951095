import math
import re

import pytest

from translation.dictionary import Dictionary
from translation.model import Translator
from translation.reading import read_translations

PAIRS = [("ein hund", "a dog"), ("der schnee", "the snow"), ("", ""), ("läuft 2012", "runs")]
STDIN = "".join(f"{source}\t{translation}\n" for source, translation in PAIRS).encode()


@pytest.fixture
def score(call, tiny_translator):
    """Score translations from de to en with the tiny model, in this process."""

    def run(*arguments, **options):
        return call("score", "translation", "--to", "en", "--model", tiny_translator, *arguments, **options)

    return run


@pytest.fixture(scope="module")
def readings(tiny_translator):
    """What Python makes of the pairs."""
    translator = Translator.load(tiny_translator)
    return read_translations(translator, *map(list, zip(*PAIRS, strict=True)), "en")


def test_scores_are_the_log_probabilities(score, readings):
    outcome = score(stdin=STDIN)
    assert (outcome.status, outcome.err) == (0, "")
    assert [float(line) for line in outcome.lines] == pytest.approx(
        [float(reading.log_probabilities.sum()) for reading in readings], abs=1e-3
    )
    averaged = score("--per-token", "--from", "de", stdin=STDIN)
    assert [float(line) for line in averaged.lines] == pytest.approx(
        [float(reading.log_probabilities.mean()) for reading in readings], abs=1e-3
    )


def test_records_have_tokens_and_their_probabilities(score, readings):
    outcome = score("--format", "jsonl", stdin=STDIN)
    for (source, translation), record, reading in zip(PAIRS, outcome.records, readings, strict=True):
        assert (record["source"], record["translation"]) == (source, translation)
        assert "".join(record["tokens"]).strip() == f"{translation}<eos>"
        assert record["probabilities"] == pytest.approx(reading.log_probabilities.exp().tolist(), abs=1e-4)
        assert sum(map(math.log, record["probabilities"])) == pytest.approx(record["score"], abs=0.2)


@pytest.mark.parametrize("source", ["de", "auto"])
def test_sources_are_read_with_the_hints_that_translating_gives_them(call, tiny_translator, tmp_path, source):
    translator = Translator.load(tiny_translator)
    translator.dictionary = Dictionary({f"{each}-en": {"hund": "dog"} for each in translator.languages})
    translator.save(tmp_path / "hinted")
    pairs = STDIN + b"hund " * 15 + b"\tdogs\n"
    outcome = call(
        *("score", "translation", "--from", source, "--to", "en", "--model", tmp_path / "hinted"), stdin=pairs
    )
    long = "hund " * 15  # with hints it would be too long
    hinted = [("ein hund{ dog}", "a dog"), *PAIRS[1:], (long, "dogs")]
    readings = read_translations(translator, *map(list, zip(*hinted, strict=True)), "en")
    assert [float(line) for line in outcome.lines] == pytest.approx(
        [float(reading.log_probabilities.sum()) for reading in readings], abs=1e-3
    )


def test_files_and_an_output(score, inwords, tiny_translator, tmp_path):
    """A process."""
    paths = tmp_path / "source.txt", tmp_path / "translation.txt"
    for path, side in zip(paths, zip(*PAIRS, strict=True), strict=True):
        path.write_text("".join(f"{line}\n" for line in side), encoding="utf-8")
    output = tmp_path / "scores.txt"
    flags = ("--source", paths[0], "--translation", paths[1], "--output", output)
    outcome = inwords("score", "translation", "--to", "en", "--model", tiny_translator, *flags)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    assert output.read_text() == score(stdin=STDIN).out


def test_more_pairs_than_a_batch_come_in_order(score):
    pairs = b"ein hund\ta dog\n" * 1030 + b"der schnee\tthe snow\n"
    lines = score(stdin=pairs).lines
    assert len(lines) == 1031
    assert len(set(lines[:-1])) <= 2  # the last digit may be rounded otherwise in another batch
    assert lines[-1] == score(stdin=b"der schnee\tthe snow\n").lines[0]


BAD = b"ein hund\ta dog\nno tab\na\tb\tc\nm\xe4nner\tmen\n" + b"x" * 400 + b"\tx\nder schnee\tthe snow\n"


def test_bad_lines_keep_their_places_and_the_others_their_scores(score):
    outcome = score(stdin=BAD)
    assert outcome.status == 1
    good = score(stdin=b"ein hund\ta dog\nder schnee\tthe snow\n").lines
    assert outcome.lines == [good[0], "", "", "", "", good[1]]
    messages = [
        "line 2: expected SENTENCE<TAB>TRANSLATION, got 1 columns",
        "line 3: expected SENTENCE<TAB>TRANSLATION, got 3 columns",
        "line 4: byte 2 (0xe4) is not UTF-8",
        "line 5: a sentence of 402 tokens is too long",
    ]
    for error, message in zip(outcome.err.splitlines(), messages, strict=True):
        assert error.startswith(f"error: {message}")
    records = score("--format", "jsonl", stdin=BAD).records
    assert ["error" in record for record in records] == [False, True, True, True, True, False]


@pytest.mark.parametrize(("lines", "shorter"), [((3, 2), "translation.txt"), ((0, 1), "source.txt")])
def test_files_of_unequal_length(score, tmp_path, lines, shorter):
    paths = tmp_path / "source.txt", tmp_path / "translation.txt"
    for path, count in zip(paths, lines, strict=True):
        path.write_text("hund\n" * count)
    output = tmp_path / "scores.txt"
    outcome = score("--source", paths[0], "--translation", paths[1], "--output", output)
    assert outcome.status == 1
    assert re.fullmatch(rf"error: .*{shorter} has fewer lines than the other file; .*\n", outcome.err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.txt", "translation.txt"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--source", "a"), 2, "give both --source and --translation, or neither"),
        (("--translation", "a"), 2, "give both --source and --translation, or neither"),
        (("--source", "missing", "--translation", "missing"), 1, "missing does not exist; check the path"),
        (("--from", "fr"), 1, "this model does not translate from fr to en"),
        (("--to", "cs"), 1, "this model does not translate from auto to cs"),
    ],
)
def test_what_cannot_be_scored(score, arguments, status, message):
    outcome = score(*arguments)
    assert (outcome.status, outcome.out) == (status, "")
    assert re.fullmatch(rf"error: .*{re.escape(message)}.*\n", outcome.err)

import json
import re

import pytest

SOURCES = "a dog runs\nthe snow\na dog runs through the snow\n"
HYPOTHESES = "Ein Hund läuft hier.\nSchnee\nEin Hund läuft durch den Schnee.\n"
REFERENCES = "Ein Hund rennt hier.\nDer Schnee\nEin Hund läuft durch den Schnee.\n"
OTHERS = "Ein Hund rennt dort.\nDer Schnee\nHund läuft Schnee\n"


@pytest.fixture
def folder(tmp_path):
    texts = {"source": SOURCES, "hypothesis": HYPOTHESES, "reference": REFERENCES, "other": OTHERS}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def score(call, folder):
    """Score the hypotheses, in this process."""

    def run(*arguments):
        call_of = ("--hypotheses", folder / "hypothesis", "--reference", folder / "reference")
        return call("evaluate", "translation", *call_of, *arguments)

    return run


def test_scores_a_file_without_a_model(inwords, folder):
    """A process, without a model and without languages."""
    from translation.scores import translation_scores

    outcome = inwords(
        *(
            "evaluate",
            "translation",
            "--hypotheses",
            folder / "hypothesis",
            "--reference",
            folder / "reference",
        )
    )
    assert (outcome.status, outcome.err) == (0, "")
    scores = translation_scores(HYPOTHESES.splitlines(), [[line] for line in REFERENCES.splitlines()])
    assert outcome.lines == [*map(str, scores.all), f"3 sentences|hypotheses:{folder / 'hypothesis'}"]


def test_translates_scores_and_reports(inwords, call, tiny_translator, folder):
    """A process, with everything at once."""
    written, page = folder / "written", folder / "page.html"
    outcome = inwords(
        *("evaluate", "translation", "--source", folder / "source", "--model", tiny_translator),
        *("--reference", folder / "reference", folder / "other", "--from", "en", "--to", "de", "--beam", "2"),
        *("--ban", "Schnee", "--no-repeat-ngram", "3"),
        *("--compare", folder / "other", "--moses", "--confidence", "--format", "json"),
        *("--output", written, "--report", page),
    )
    assert (outcome.status, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert found["sentences"] == 3
    assert (found["from"], found["to"]) == ("en", "de")
    assert found["references"] == [str(folder / "reference"), str(folder / "other")]
    assert re.fullmatch(r"beam:2\|.*\|ban:\['Schnee'\]\|no-repeat-ngram:3", found["decoding"])
    assert re.fullmatch("[0-9a-f]{8}", found["model"])
    assert list(found["scores"]) == list(found["comparison"]) == ["BLEU", "chrF2++", "TER", "Moses BLEU"]
    for name, each in found["scores"].items():
        low, high = each["interval"]
        assert low <= high
        assert each["signature"].startswith("nrefs:2|bs:1000|seed:12345|")
        compared = found["comparison"][name]
        assert compared["score"] == pytest.approx(each["score"])
        assert 0 < compared["p_value"] <= 1
        assert compared["signature"].startswith("nrefs:2|bs:1000|")
    # Its translations, scored as a file, score the same.
    again = call(
        *("evaluate", "translation", "--hypotheses", written, "--to", "de", "--moses", "--format", "json"),
        *("--reference", folder / "reference", folder / "other"),
    )
    same = json.loads(again.out)["scores"]
    assert {name: each["score"] for name, each in same.items()} == {
        name: each["score"] for name, each in found["scores"].items()
    }
    html = page.read_text(encoding="utf-8")
    assert html.count("<article") == 3
    assert found["model"] in html
    assert "a dog runs through the snow" in html


def test_comparison_in_words(score, folder):
    lines = score("--compare", folder / "hypothesis").lines
    assert f"compared with {folder / 'hypothesis'}:" in lines
    (chrf,) = [line for line in lines if line.startswith("chrF2++") and "against" in line]
    assert re.match(
        r"chrF2\+\+ (\S+) against \1: \+0\.00, p = 1\.0000, no significant difference \(nrefs", chrf
    )


def test_several_references_help(score, folder):
    one = json.loads(score("--format", "json").out)["scores"]["chrF2++"]["score"]
    two = score("--format", "json", "--reference", folder / "reference", folder / "hypothesis")
    assert json.loads(two.out)["scores"]["chrF2++"] | {"signature": ""} == {"score": 100.0, "signature": ""}
    assert 0 < one < 100


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "reference",
            "a\n",
            "source has 3 lines and .*reference has 1; line N of one must translate line N of",
        ),
        (
            "hypothesis",
            "",
            "source has 3 lines and .*hypothesis has 0; line N of one must translate line N of",
        ),
        ("other", "a\nb\n", "source has 3 lines and .*other has 2; line N of one must translate line N of"),
        ("source", None, "source does not exist; check the path"),
        ("hypothesis", None, "hypothesis does not exist; check the path"),
    ],
)
def test_names_the_wrong_file(score, folder, name, text, message):
    (folder / name).unlink()
    if text is not None:
        (folder / name).write_text(text)
    outcome = score("--source", folder / "source", "--compare", folder / "other")
    assert (outcome.status, outcome.out) == (1, "")
    assert re.fullmatch(f"error: .*{message}.*\n", outcome.err)


def test_empty_files_are_refused(score, folder):
    for name in ("reference", "hypothesis"):
        (folder / name).write_text("")
    outcome = score()
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == f"error: {folder / 'reference'}: empty; give a file of one sentence a line\n"


def test_too_many_sentences_for_the_bootstrap(score, folder):
    for name in ("reference", "hypothesis"):
        (folder / name).write_text("a\n" * 20_001)
    outcome = score("--confidence")
    assert outcome.status == 1
    assert re.search("has 20001 lines; --confidence and --compare take at most 20000", outcome.err)


def test_a_file_that_cannot_be_written_is_noticed_first(score, folder):
    outcome = score("--report", folder)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith(f"error: {folder}: is a folder; name a file in it")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "to translate, give --source, --from, --to; to score a file, --hypotheses"),
        (("--source", "x", "--to", "de"), "to translate, give --from; to score a file, --hypotheses"),
        (
            ("--hypotheses", "x", "--moses"),
            "--moses cuts into words by the rules of a language: give it as --to",
        ),
        (("--hypotheses", "x", "--beam", "3"), "--beam has no effect with --hypotheses"),
        (("--hypotheses", "x", "--top-k", "3"), "--top-k has no effect with --hypotheses"),
        (("--hypotheses", "x", "--ban", "dog"), "--ban has no effect with --hypotheses"),
        (
            ("--hypotheses", "x", "--coverage-penalty", "1"),
            "--coverage-penalty has no effect with --hypothes",
        ),
        (("--hypotheses", "x", "--count", "2"), "unrecognized arguments: --count 2"),
        (("--hypotheses", "x", "--model", "x"), "--model has no effect with --hypotheses"),
        (("--hypotheses", "x", "--output", "x"), "--output has no effect with --hypotheses"),
        (("--hypotheses", "x", "--format", "yaml"), "argument --format: invalid choice: 'yaml'"),
    ],
)
def test_wrong_calls(call, flags, message):
    outcome = call("evaluate", "translation", "--reference", "x", *flags)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {message}")

import gzip
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from translation.scores import (
    bleu,
    bleu_by_length,
    compare,
    moses_bleu,
    moses_preparation,
    sentence_chrf,
    translation_scores,
)

MULTI30K = Path(__file__).parents[3] / "shared" / "data" / "multi30k"
ROWS = [
    ("Ein Hund läuft, schnell!", "Ein Hund läuft schnell.", "Der Hund rennt schnell!"),
    ("Zwei Männer sitzen auf einer Bank.", "Zwei Männer sitzen auf der Bank.", "Auf einer Bank sitzen zwei."),
    ("Das 'Haus' kostet 1,000.50 $", "Das Haus kostet 1,000.50 $", "1,000.50 $ kostet das Haus"),
    ("", "Leer ist das nicht.", "Nicht leer."),
    ("ein hund .", "Ein Hund.", "ein Hund ."),
    (
        "Ein kleines Kind spielt im Garten.",
        "Ein kleines Kind spielt im Garten.",
        "Im Garten spielt ein Kind.",
    ),
]
HYPOTHESES = [row[0] for row in ROWS]
FIGURES = ("bleu", "chrf", "ter")


def references(each):
    return [row[1 : 1 + each] for row in ROWS]


def sacrebleu_command(folder, *flags, each=1, systems=(HYPOTHESES,)):
    """What sacreBLEU's own command prints."""
    kinds = {"reference": list(zip(*references(each), strict=True)), "hypothesis": systems}
    files = {kind: [folder / f"{kind}{number}" for number in range(len(kinds[kind]))] for kind in kinds}
    for kind, streams in kinds.items():
        for file, stream in zip(files[kind], streams, strict=True):
            file.write_text("\n".join(stream) + "\n", encoding="utf-8")
    call = [sys.executable, "-m", "sacrebleu", *files["reference"], "-i", *files["hypothesis"]]
    call += ["-m", "bleu", "chrf", "ter", "--chrf-word-order", "2", "-w", "6", *flags]
    environment = os.environ | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(call, capture_output=True, check=True, env=environment)
    return done.stdout.decode()


@pytest.mark.parametrize("each", [1, 2])
def test_scores_are_those_of_sacrebleus_command(tmp_path, each):
    scores = translation_scores(HYPOTHESES, references(each))
    expected = json.loads(sacrebleu_command(tmp_path, each=each))
    assert [score.name for score in scores.all] == [one["name"] for one in expected]
    assert [score.value for score in scores.all] == pytest.approx(
        [one["score"] for one in expected], abs=1e-6
    )
    assert [score.signature for score in scores.all] == [one["signature"] for one in expected]
    assert all(0 < score.value < 100 for score in scores.all)
    assert bleu(HYPOTHESES, references(each)) == scores.bleu
    # The bare scores too, as `-b` prints them.
    bare = json.loads(sacrebleu_command(tmp_path, "-b", each=each))
    assert [round(score.value, 6) for score in scores.all] == bare


def test_intervals_are_those_of_sacrebleus_command(tmp_path):
    scores = translation_scores(HYPOTHESES, references(2), samples=1000)
    expected = json.loads(sacrebleu_command(tmp_path, "--confidence", each=2))
    for score, one in zip(scores.all, expected, strict=True):
        low, high = score.interval
        assert (low + high) / 2 == pytest.approx(one["confidence_mean"], abs=1e-6)
        assert (high - low) / 2 == pytest.approx(one["confidence_var"], abs=1e-6)
        assert score.signature == one["signature"]
        assert "bs:1000|seed:12345" in score.signature
    assert scores == translation_scores(HYPOTHESES, references(2), samples=1000)


def test_scores_by_hand():
    hypotheses = ["the cat sat on the mat today", "a dog"]
    texts = [["the cat sat on the mat"], ["a big dog"]]
    scores = translation_scores(hypotheses, texts)
    # In common: words 6 of 7 and 2 of 2, pairs 5 of 6 and 0 of 1, triples 4 of 5, fours 3 of 4; 9 words each.
    assert scores.bleu.value == pytest.approx(100 * (8 / 9 * 5 / 7 * 4 / 5 * 3 / 4) ** 0.25)
    # One word to delete, one to insert, of nine in the references.
    assert scores.ter.value == pytest.approx(100 * 2 / 9)
    short = translation_scores(["the cat sat on"], [["the cat sat on the mat"]])
    assert short.bleu.value == pytest.approx(100 * math.exp(1 - 6 / 4))
    # chrF2++ of "ab" against "ac": characters 1 of 2, pairs 0 of 1, words 0 of 1: the mean of three F-scores.
    assert sentence_chrf(["ab"], [["ac"]]) == pytest.approx([100 * (1 / 2) / 3])


def test_the_best_and_the_worst():
    same = [row[1] for row in ROWS]
    perfect = translation_scores(same, references(1), moses="de")
    assert [score.value for score in perfect.all] == pytest.approx([100, 100, 0, 100])
    empty = translation_scores([""] * len(ROWS), references(1), samples=20, moses="de")
    assert [score.value for score in empty.all] == pytest.approx([0, 0, 100, 0])
    assert sentence_chrf(["", "a"], [["b"], ["a"]]) == pytest.approx([0, 100])
    # References without a word: any word is too many.
    assert translation_scores(["a"], [[""]], samples=20).ter.value == 100


def test_sentences_may_have_different_numbers_of_references():
    hypotheses = ["The dog runs over the green grass.", "A cat sits on the mat now."]
    one, two = "The dog runs on the grass.", "The dog runs over green grass today."
    other = "The cat sits on the mat."
    both = translation_scores(hypotheses, [[one, two], [other]], moses="en")
    # A reference twice adds nothing, so that the ragged and the full list agree.
    full = translation_scores(hypotheses, [[one, two], [other, other]], moses="en")
    assert [score.value for score in both.all] == pytest.approx([score.value for score in full.all])
    assert all(score.signature.startswith("nrefs:var|") for score in both.all)
    assert both.bleu.value > bleu(hypotheses, [[one], [other]]).value


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("de", "„Ein Hund“, sagt er (laut).", "&quot; ein hund &quot; , sagt er ( laut ) ."),
        ("en", "The dog’s ball & 3.5 % of it", "the dog &apos;s ball &amp; 3.5 % of it"),
        ("fr", "L’homme s'assoit.", "l&apos; homme s&apos; assoit ."),
        ("cs", "Muž, který JDE…", "muž , který jde ..."),
    ],
)
def test_moses_preparation(language, text, words):
    assert moses_preparation(language)(text) == words


@pytest.mark.parametrize("language", ["cs", "de", "en", "fr"])
def test_moses_preparation_makes_the_official_files(language):
    official = MULTI30K / f"test_2016_flickr.lc.norm.tok.{language}"
    if not official.exists():
        pytest.skip("no Multi30k in ../shared/data")
    with gzip.open(MULTI30K / f"test_2016_flickr.{language}.gz", "rt", encoding="utf-8") as file:
        found = list(map(moses_preparation(language), file.read().split("\n")))
    expected = official.read_text(encoding="utf-8").split("\n")
    # Moses itself puts one full stop elsewhere in French.
    assert sum(a != b for a, b in zip(found, expected, strict=True)) <= 1


def test_moses_bleu_is_of_lower_case_and_moses_words():
    texts = [["EIN Hund's Ball liegt hier."]]
    assert moses_bleu(["Ein hund's Ball liegt hier."], texts, "de").value == pytest.approx(100)
    # Its words: ein hund &apos;s ball liegt hier . against ein hund &apos;s ball liegt dort .
    # Words 6 of 7, pairs 4 of 6, triples 3 of 5, fours 2 of 4.
    score = moses_bleu(["Ein hund's Ball liegt dort."], texts, "en")
    assert score.value == pytest.approx(100 * (6 / 7 * 4 / 6 * 3 / 5 * 2 / 4) ** 0.25)
    assert score.signature.startswith("nrefs:1|case:lc|eff:no|tok:none|smooth:exp|version:")
    assert "|sacremoses:en-" in score.signature


def test_comparison_is_that_of_sacrebleus_command(tmp_path):
    others = [row[2] for row in ROWS]
    table = sacrebleu_command(tmp_path, "--paired-bs", "-f", "text", systems=(others, HYPOTHESES))
    other, this = (
        re.findall(r"(\d+\.\d+) \(\d", line) for line in table.splitlines() if re.search(r"± \d+\.", line)
    )
    p_values = re.findall(r"\(p = ([\d.]+)\)", table)
    found = compare(HYPOTHESES, others, references(1))
    assert [f"{each.value:.6f}" for each in found] == this
    assert [f"{each.other:.6f}" for each in found] == other
    assert [f"{each.p_value:.4f}" for each in found] == p_values
    assert [each.name for each in found] == ["BLEU", "chrF2++", "TER"]
    assert all("|bs:1000|seed:12345|" in each.signature for each in found)


def test_comparison_says_who_is_better():
    good = [row[1] for row in ROWS] * 10
    texts = references(1) * 10
    bad = ["völlig anderes " + text for text in good]
    better, worse = compare(good, bad, texts, moses="de"), compare(bad, good, texts, moses="de")
    assert [each.name for each in better] == ["BLEU", "chrF2++", "TER", "Moses BLEU"]
    assert {each.verdict for each in better} == {"better"}
    assert {each.verdict for each in worse} == {"worse"}
    assert all(each.p_value < 0.01 for each in better)
    assert "|sacremoses:de-" in better[-1].signature
    assert str(better[2]).startswith("TER 0.000 against ")


def test_the_same_twice_is_no_difference():
    found = compare(HYPOTHESES, HYPOTHESES, references(1), moses="de")
    assert {(each.p_value, each.verdict) for each in found} == {(1.0, "no significant difference")}


def test_bleu_by_length():
    sources = ["", "a b c d e", "a b c d e f", "x " * 50, "x " * 51]
    hypotheses = [
        "Ein Hund rennt hier.",
        "Das ist nicht gut.",
        "Hallo du liebe Welt.",
        "eins zwei drei vier",
        "x",
    ]
    texts = [[hypotheses[0]], ["Jenes war schlecht!"], [hypotheses[2]], [hypotheses[3]], ["y"]]
    bands = bleu_by_length(hypotheses, texts, sources)
    assert [(band.label, band.sentences) for band in bands] == [
        ("0-5", 2),
        ("6-10", 1),
        ("41-50", 1),
        ("51+", 1),
    ]
    assert bands[0].bleu == bleu(hypotheses[:2], texts[:2]).value
    assert [band.bleu for band in bands[1:3]] == pytest.approx([100, 100])


@pytest.mark.parametrize(
    ("hypotheses", "texts", "message"),
    [
        ([], [], "hypotheses must not be empty"),
        (["a"], [["a"], ["b"]], "each hypothesis needs references, got 1 and 2"),
        (["a", "b"], [["a"], []], "each item must have a reference, got none at item 2"),
        (["a", "b"], [["a"], "b"], "references must hold a list for each item, got a string at item 2"),
    ],
)
def test_wrong_pairs_are_refused(hypotheses, texts, message):
    for score in (
        lambda: translation_scores(hypotheses, texts),
        lambda: bleu(hypotheses, texts),
        lambda: moses_bleu(hypotheses, texts, "de"),
        lambda: compare(hypotheses, hypotheses, texts),
    ):
        with pytest.raises(ValueError, match=message):
            score()

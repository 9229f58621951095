import re

import pytest

from common.report import SHOWN
from translation.evaluation import Evaluation
from translation.report import differences, report
from translation.scores import compare, sentence_chrf, translation_scores

HOSTILE = "<script>alert('x')</script> & \"quoted\" </article> ${title} $HOME"


def evaluate(hypotheses, references, *, others=None, moses=None, samples=0, **more):
    scores = translation_scores(hypotheses, references, moses=moses, samples=samples)
    comparisons = compare(hypotheses, others, references, moses=moses) if others else ()
    made = {"sentences": len(hypotheses), "from": "en", "to": "de", "references": ["a.de", "b.de"]}
    return Evaluation(hypotheses, references, scores, made, others=others, comparisons=comparisons, **more)


@pytest.fixture(scope="module")
def evaluation():
    """120 sentences, of which number N has N mod 12 of its words wrong."""
    texts = [" ".join(f"wort{number}x{place}" for place in range(12)) for number in range(120)]
    hypotheses = [
        " ".join(["falsch"] * (number % 12) + text.split()[number % 12 :])
        for number, text in enumerate(texts)
    ]
    return evaluate(
        hypotheses,
        [[text, "etwas anderes"] for text in texts],
        sources=[f"source {number} " * (1 + number % 9) for number in range(120)],
        others=["falsch " + text for text in hypotheses],
        moses="de",
        samples=50,
    )


@pytest.fixture(scope="module")
def page(evaluation):
    return report(evaluation)


def test_holds_scores_signatures_and_how_they_were_made(evaluation, page, parse):
    parsed = parse(page)
    for score in evaluation.scores.all:
        assert f"{score.value:#.4g}" in parsed.text
        assert "{:#.4g} to {:#.4g}".format(*score.interval) in parsed.text
        assert score.signature in parsed.text
    for each in evaluation.comparisons:
        assert f"{each.p_value:.4f}" in parsed.text
        assert each.verdict in parsed.text
    assert "TER (lower is better)" in parsed.text
    assert "Translation from en to de" in parsed.text
    assert "120 sentences, measured against 2 references each" in parsed.text
    assert "a.de, b.de" in parsed.text


def test_shows_the_worst_and_the_best_by_chrf(evaluation, page, parse):
    scores = sentence_chrf(evaluation.hypotheses, evaluation.references)
    cards = re.findall(r"<article.*?<b>([\d.]+)</b>.*?<span>line (\d+)</span>.*?</article>", page)
    assert len(cards) == 2 * SHOWN
    assert all(f"{scores[int(line) - 1]:.1f}" == score for score, line in cards)
    shown = [scores[int(line) - 1] for _, line in cards]
    worst, best = shown[:SHOWN], shown[SHOWN:]
    assert worst == sorted(scores)[:SHOWN]
    assert best == sorted(scores, reverse=True)[:SHOWN]
    text = parse(page).text
    place = int(cards[0][1]) - 1
    for shown_text in (evaluation.sources[place], *evaluation.references[place], evaluation.others[place]):
        assert shown_text in text


def test_draws_both_charts(evaluation, page):
    svgs = re.findall(r"<svg.*?</svg>", page)
    assert len(svgs) == 2
    hints = re.findall(r"<title>(.*?)</title>", svgs[0])
    # Two to eighteen words: at most 5, 10, 15 and 20.
    counted = [re.fullmatch(r"(\S+) words: BLEU [\d.]+ of (\d+) sentences", hint).groups() for hint in hints]
    lengths = [len(source.split()) for source in evaluation.sources]
    bands = {"0-5": range(6), "6-10": range(6, 11), "11-15": range(11, 16), "16-20": range(16, 21)}
    expected = [(name, str(sum(length in band for length in lengths))) for name, band in bands.items()]
    assert counted == expected
    counts = [int(count) for count in re.findall(r"<title>chrF2\+\+ \d+ to \d+: (\d+)</title>", svgs[1])]
    assert len(counts) == 10
    scores = sentence_chrf(evaluation.hypotheses, evaluation.references)
    assert counts[-1] == sum(score >= 90 for score in scores) > 0
    assert sum(counts) == 120


def test_hostile_text_stays_text(parse):
    texts = [HOSTILE, "gut", "\u202eumgekehrt\0", ""]
    evaluation = evaluate(
        texts, [[HOSTILE + " nicht"], [HOSTILE], ["b"], ["c"]], sources=[HOSTILE] * 4, others=[HOSTILE] * 4
    )
    parsed = parse(report(evaluation))
    assert parsed.names.count("script") == 1
    assert parsed.names.count("article") == 4
    # Source and other four times; once each the translation and two references.
    assert parsed.text.count(HOSTILE) == 4 + 4 + 3


def test_explanations_are_unfolded_on_demand():
    evaluation = evaluate(["a b", "c d"], [["a b"], ["c"]])
    assert "<details>" not in report(evaluation)
    page = report(evaluation, {1: "<table><tr><td>0.5</td></tr></table>"})
    (details,) = re.findall(r"<article(?:(?!</article>).)*<details>.*?</article>", page)
    assert "line 2" in details
    assert "<table><tr><td>0.5</td></tr></table>" in details


@pytest.mark.parametrize(
    ("hypothesis", "reference", "marked"),
    [
        ("ein Hund", "ein Hund", ("ein Hund", "ein Hund")),
        (
            "ein Hund rennt.",
            "ein Kind rennt.",
            ('ein <mark class="extra">Hund</mark> rennt.', 'ein <mark class="missing">Kind</mark> rennt.'),
        ),
        ("ein Hund", "ein  Hund", ("ein Hund", "ein  Hund")),
        ("", "a<b", ("", '<mark class="missing">a&lt;b</mark>')),
        ("a & b", "a", ('a<mark class="extra"> &amp; b</mark>', "a")),
        ("x " * 2000, "y", ("x " * 2000, "y")),
    ],
)
def test_differences(hypothesis, reference, marked):
    assert differences(hypothesis, reference) == marked


def test_the_closest_reference_is_the_one_compared_with():
    page = report(evaluate(["der Hund rennt"], [["ganz etwas anderes", "der Hund läuft"]]))
    assert '<dd dir="auto">ganz etwas anderes</dd>' in page
    assert 'der Hund <mark class="missing">läuft</mark>' in page


def test_needs_nothing_else(page, assert_alone):
    assert_alone(page)

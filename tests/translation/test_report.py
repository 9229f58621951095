import re
from html.parser import HTMLParser

import pytest

from translation.evaluation import Evaluation
from translation.report import SHOWN, Bar, bar_chart, differences, report, worst_and_best
from translation.scores import compare, sentence_chrf, translation_scores

HOSTILE = "<script>alert('x')</script> & \"quoted\" </article> ${title} $HOME"
VOID = {"meta", "input", "br", "wbr"}


class Page(HTMLParser):
    """What a page consists of: its elements, which must be closed in turn, their attributes, its texts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.names, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.names.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return "".join(self.texts)


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


def test_holds_scores_signatures_and_how_they_were_made(evaluation, page):
    parsed = Page(page)
    for score in evaluation.scores.all:
        assert f"{score.value:.2f}" in parsed.text
        assert "{:.2f} to {:.2f}".format(*score.interval) in parsed.text
        assert score.signature in parsed.text
    for each in evaluation.comparisons:
        assert f"{each.p_value:.4f}" in parsed.text
        assert each.verdict in parsed.text
    assert "Translation from en to de" in parsed.text
    assert "120 sentences, measured against 2 references each" in parsed.text
    assert "a.de, b.de" in parsed.text


def test_needs_nothing_else(page):
    """No address of anything but a part of itself."""
    parsed = Page(page)
    assert not {"link", "img", "iframe", "object", "base", "form"} & set(parsed.names)
    assert not {"src", "href", "action", "srcset", "xlink:href"} & {name for name, _ in parsed.attributes}
    assert not re.search(r"https?:|//\w+\.|@import|url\(|fetch\(|XMLHttpRequest|WebSocket|import\(", page)
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_shows_the_worst_and_the_best_by_chrf(evaluation, page):
    scores = sentence_chrf(evaluation.hypotheses, evaluation.references)
    cards = re.findall(r"<article.*?<b>([\d.]+)</b>.*?<span>line (\d+)</span>.*?</article>", page)
    assert len(cards) == 2 * SHOWN
    assert all(f"{scores[int(line) - 1]:.1f}" == score for score, line in cards)
    shown = [scores[int(line) - 1] for _, line in cards]
    worst, best = shown[:SHOWN], shown[SHOWN:]
    assert worst == sorted(scores)[:SHOWN]
    assert best == sorted(scores, reverse=True)[:SHOWN]
    text = Page(page).text
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


def test_hostile_text_stays_text():
    texts = [HOSTILE, "gut", "\u202eumgekehrt\0", ""]
    evaluation = evaluate(
        texts, [[HOSTILE + " nicht"], [HOSTILE], ["b"], ["c"]], sources=[HOSTILE] * 4, others=[HOSTILE] * 4
    )
    parsed = Page(report(evaluation))
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


@pytest.mark.parametrize("count", [1, 2, 3, 99, 100, 101, 250])
def test_no_sentence_is_both_best_and_worst(count):
    scores = [float((number * 37) % count) for number in range(count)]
    worst, best = worst_and_best(scores)
    assert len({*worst, *best}) == len(worst) + len(best) == min(count, 2 * SHOWN)
    assert [scores[place] for place in worst] == sorted(scores)[: len(worst)]
    assert [scores[place] for place in best] == sorted(scores, reverse=True)[: len(best)]


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


def test_bars_are_as_high_as_their_numbers():
    bars = [Bar(height, "above", "label", "<hint>") for height in (0.0, 25.0, 100.0)]
    chart = bar_chart(bars, "a & b")
    heights = [float(height) for height in re.findall(r'<rect[^>]* height="([\d.]+)"', chart)]
    assert heights[0] == 0
    assert heights[1] / heights[2] == pytest.approx(0.25, abs=0.01)
    assert "&lt;hint&gt;" in chart
    assert 'aria-label="a &amp; b"' in chart
    # Nothing in it is higher than nothing.
    assert 'height="0.0"' in bar_chart(bars[:1], "title")

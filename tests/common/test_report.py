import re

import pytest

from common.metrics import Score
from common.report import (
    SHOWN,
    Bar,
    Page,
    bar_chart,
    chart,
    figure_card,
    item_card,
    score_cards,
    summary,
    text_rows,
    worst_and_best,
    worst_and_best_cards,
)
from common.significance import Comparison

HOSTILE = "<script>alert('x')</script> & \"quoted\" </article> ${title} $HOME"


def test_hostile_text_stays_text_and_the_page_needs_nothing_else(parse, assert_alone):
    bars = [Bar(1.0, HOSTILE, HOSTILE, HOSTILE, HOSTILE)]
    page = str(
        Page(
            title=HOSTILE,
            summary=HOSTILE,
            scores=score_cards([Score(HOSTILE, 1.0, HOSTILE)]) + figure_card(HOSTILE, HOSTILE, HOSTILE),
            made={HOSTILE: [HOSTILE, HOSTILE]},
            comparisons=[Comparison(HOSTILE, 1.0, 2.0, 0.5, HOSTILE)],
            charts=chart(HOSTILE, bars, HOSTILE),
            note="",
            items=item_card(HOSTILE, 0.5, HOSTILE, text_rows([("Text", "")])),
            things="sentences",
        )
    )
    parsed = parse(page)
    assert parsed.names.count("script") == parsed.names.count("article") == 1
    # Title twice; summary; score and its signature; card; name and values; comparison; chart; item.
    assert parsed.text.count(HOSTILE) == 2 + 1 + 2 + 3 + 3 + 3 + 6 + 2
    assert_alone(page)


def test_scores_and_comparisons_are_shown_as_they_are_printed(parse):
    scores = [Score("BLEU", 41.0, "a|b", (40.125, 42.0)), Score("TER", 0.5, "c")]
    cards = score_cards(scores, lower_is_better=["TER"])
    assert cards.count('class="card"') == 2
    text = parse(cards).text
    for expected in (
        "BLEU41.00",
        "40.12 to 42.00 (95\N{NO-BREAK SPACE}%)",
        "a|b",
        "TER (lower is better)0.5000",
    ):
        assert expected in text
    comparison = Comparison("CIDEr-D", 0.61, 0.6075, 0.01, "d")
    page = Page("t", "s", cards, {}, [comparison], "", "", "", "sentences")
    assert "CIDEr-D0.61000.6075+0.002500.0100better" in parse(str(page)).text
    assert "Against the other" not in str(Page("t", "s", cards, {}, [], "", "", "", "sentences"))


@pytest.mark.parametrize(
    ("count", "references", "text"),
    [
        (1, [["a"]], "1 sentence, measured against one reference each"),
        (1200, [["a", "b"]] * 2, "1,200 sentences, measured against 2 references each"),
        (2, [["a"], ["a", "b", "c"]], "2 sentences, measured against 1 to 3 references each"),
    ],
)
def test_summary(count, references, text):
    assert summary(count, "sentences", references) == text


def test_cards_of_the_worst_come_first():
    cards = worst_and_best_cards([0.3, 0.1, 0.2], lambda place: f"<p>{place}</p>")
    assert re.sub(r"\s", "", cards) == "<h2>The2worst</h2><p>1</p><p>2</p><h2>The1best</h2><p>0</p>"
    assert "best" not in worst_and_best_cards([0.3], str)


@pytest.mark.parametrize("count", [1, 2, 3, 99, 100, 101, 250])
def test_no_sentence_is_both_best_and_worst(count):
    scores = [float((number * 37) % count) for number in range(count)]
    worst, best = worst_and_best(scores)
    assert len({*worst, *best}) == len(worst) + len(best) == min(count, 2 * SHOWN)
    assert [scores[place] for place in worst] == sorted(scores)[: len(worst)]
    assert [scores[place] for place in best] == sorted(scores, reverse=True)[: len(best)]


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

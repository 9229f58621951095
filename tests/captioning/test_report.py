import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from captioning.evaluation import Evaluation
from captioning.report import report, unused_words_marked
from captioning.scores import caption_scores, compare_captions
from common.report import SHOWN, worst_and_best

HOSTILE = "<script>alert('x')</script> & \"quoted\" </article> ${title} $HOME"


def evaluate(captions, references, photographs, *, others=None, language="en"):
    return Evaluation(
        photographs=photographs,
        captions=captions,
        references=references,
        scores=caption_scores(captions, references, samples=20, language=language),
        made={"photographs": len(captions), "captions": "a.txt"},
        others=others,
        comparisons=compare_captions(captions, others, references) if others else (),
    )


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    """120 photographs of 300 x 200 pixels, of which number N has N mod 12 of its words wrong."""
    folder = tmp_path_factory.mktemp("photographs")
    paths = [folder / f"photo{number}.jpg" for number in range(120)]
    for number, path in enumerate(paths):
        Image.new("RGB", (300, 200), (2 * number, 0, 0)).save(path)
    texts = [" ".join(f"w{number}x{place}" for place in range(4 + number % 20)) for number in range(120)]
    captions = [
        " ".join(["wrong"] * (number % 12) + text.split()[number % 12 :]) for number, text in enumerate(texts)
    ]
    groups = [[text, "something else"] for text in texts]
    return evaluate(captions, groups, paths, others=[f"wrong {text}" for text in captions])


@pytest.fixture(scope="module")
def page(evaluation):
    return report(evaluation)


def test_holds_scores_wording_and_how_they_were_made(evaluation, page, parse):
    text = parse(page).text
    for score in evaluation.scores.all:
        assert f"{score.value:#.4g}" in text
        assert score.signature in text
    assert "120 photographs, measured against 2 references each" in text
    assert f"they use {evaluation.scores.wording.distinct_words:,} different words" in text
    assert "a.txt" in text
    assert "End unfinished" in text
    without = evaluate(["a"], [["a"]], [Path("x")], language="fr")
    assert "End unfinished" not in report(without)


def test_needs_nothing_else_and_stays_light(page, assert_alone):
    assert_alone(page)
    assert len(page) < 400_000


def test_shows_the_worst_and_the_best_by_cider(evaluation, page):
    scores = evaluation.scores.photographs
    cards = re.findall(r"<article.*?<b>([\d.]+)</b>.*?<span>photo(\d+)\.jpg</span>.*?</article>", page)
    assert len(cards) == 2 * SHOWN
    worst, best = worst_and_best(scores)
    assert [int(number) for _, number in cards] == worst + best
    assert all(f"{scores[int(number)]:.2f}" == score for score, number in cards)


def test_a_card_has_its_photograph_and_all_texts(evaluation, page, parse):
    place = worst_and_best(evaluation.scores.photographs)[0][0]
    (card,) = re.findall(rf"<article(?:(?!</article>).)*<span>photo{place}\.jpg</span>.*?</article>", page)
    data = re.search(r'src="data:image/webp;base64,([^"]*)"', card)[1]
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.width / picture.height == pytest.approx(1.5, abs=0.02)
    assert picture.convert("RGB").getpixel((9, 9))[0] == pytest.approx(2 * place, abs=12)
    text = parse(card).text
    for expected in (evaluation.captions[place], evaluation.others[place], *evaluation.references[place]):
        assert expected in text


def test_scores_by_number_of_words(evaluation, page):
    hints = re.findall(r"<title>(\S+) words: CIDEr-D ([\d.]+) of (\d+) photographs</title>", page)
    lengths = [len(caption.split()) for caption in evaluation.captions]
    found = {label: (float(mean), int(count)) for label, mean, count in hints}
    for label, band in {"0-6": range(7), "9-10": (9, 10), "21+": range(21, 99)}.items():
        scores = [s for s, n in zip(evaluation.scores.photographs, lengths, strict=True) if n in band]
        assert found[label] == (pytest.approx(sum(scores) / len(scores), abs=1e-3), len(scores))
    assert sum(count for _, count in found.values()) == 120
    bars = [int(count) for count in re.findall(r"<title>CIDEr-D from [\d.]+: (\d+)</title>", page)]
    assert sum(bars) == 120
    assert bars[0] == sum(score < 0.25 for score in evaluation.scores.photographs)
    assert bars[-1] == sum(score >= 2.25 for score in evaluation.scores.photographs) > 0


def test_hostile_text_stays_text(parse, tmp_path):
    texts = [HOSTILE, "good", "\u202ereversed\0", ""]
    path = tmp_path / "<i>&.jpg"
    Image.new("RGB", (30, 20)).save(path)
    page = report(evaluate(texts, [[HOSTILE], [HOSTILE], ["b"], ["c"]], [path] * 4, others=[HOSTILE] * 4))
    parsed = parse(page)
    assert (parsed.names.count("script"), parsed.names.count("article")) == (1, 4)
    # Of the first the caption, of all four the other, of two the reference.
    assert parsed.text.count(HOSTILE) == 1 + 4 + 2
    assert dict(parsed.attributes)["alt"] in texts
    assert parsed.text.count("<i>&.jpg") == 4


def test_a_photograph_that_cannot_be_read_is_left_blank(tmp_path):
    (tmp_path / "bad.jpg").write_text("hello")
    page = report(evaluate(["a", "b"], [["a"], ["b"]], [tmp_path / "bad.jpg", tmp_path / "missing.jpg"]))
    assert page.count("no picture") == page.count("<article") == 2
    assert "<img" not in page


@pytest.mark.parametrize(
    ("caption", "references", "marked"),
    [
        ("A red Dog.", ["the dog", "a cat"], 'A <mark class="extra">red</mark> Dog.'),
        ("a  <b", ["a"], 'a  <mark class="extra">&lt;b</mark>'),
        ("the dog's ball", ["a dog 's ball, the"], "the dog&#x27;s ball"),
        ("", ["a"], ""),
        ("a - b", ["a b"], "a - b"),
    ],
)
def test_words_that_nobody_used(caption, references, marked):
    assert unused_words_marked(caption, references) == marked

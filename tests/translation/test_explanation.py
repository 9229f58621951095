import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from common.choices import Choices
from common.errors import InputError
from translation.explanation import Explanation, by_words
from translation.explanation_page import explanation_html, write_explanations

ROOT = Path(__file__).parents[2]


def make(source, target, *, rivals=None, probabilities=None, seed=0):
    """An explanation of these pieces, the rest at random unless it is given."""
    numbers = random.Random(seed)
    rows = [[numbers.random() for _ in source] for _ in target]
    choices = Choices(
        tuple(target),
        tuple(probabilities or [numbers.random() for _ in target]),
        tuple(rivals or [((" other", 0.1), (" else", 0.05))] * len(target)),
        (1.0,) * len(target),
        tuple(tuple(value / sum(row) for value in row) for row in rows),
    )
    return Explanation(tuple(source), choices, "de", "en")


PLAIN = make([" Ein", " Hund", " läuft", ".", "<eos>"], [" A", " dog", " runs", ".", "<eos>"])
HOSTILE = make(
    [
        " <script>",
        "alert",
        "(",
        '"1',
        '")',
        "</script>",
        " &amp;",
        " $x$",
        " 😀👩‍🚀",
        " 东京",
        " \x00\x1b",
        "<eos>",
    ],
    [" <b>", " $5", " and", " $6", " <0xF0><0x9F>", "<0x8E><0x89>", " 'x'", " مرحبا", " \ufeff", "<eos>"],
    rivals=[((" </p>", 0.3), (" 🎉", 0.2), (" \\frac{$", 0.1))] * 10,
)


def test_words_by_hand():
    attention = ((0.5, 0.3, 0.2), (0.1, 0.7, 0.2), (0.25, 0.25, 0.5), (0.0, 0.1, 0.9))
    choices = Choices((" sn", "ow", " falls", "<eos>"), (0.5,) * 4, ((),) * 4, (1.0,) * 4, attention)
    words = by_words(Explanation((" Sch", "nee", "<eos>"), choices, "de", "en"))
    assert words.source == (" Schnee", "<eos>")
    assert words.choices.pieces == (" snow", " falls", "<eos>")
    assert np.array(words.attention) == pytest.approx(np.array([[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]]))
    assert (words.source_language, words.target_language) == ("de", "en")


@pytest.mark.parametrize("seed", range(20))
def test_attention_still_sums_to_one_and_merging_again_changes_nothing(seed):
    numbers = random.Random(seed)
    some = [" a", "b", " <0xC3>", "<0xA4>", ".", " ", "'", "3", " 东", "😀", " „", "-", " ε"]
    source, target = ([*numbers.choices(some, k=numbers.randrange(30)), "<eos>"] for _ in range(2))
    words = by_words(make(source, target, seed=seed))
    assert [sum(row) for row in words.attention] == pytest.approx([1.0] * len(words.choices.pieces))
    assert by_words(words) == words


def test_an_explanation_of_other_lengths_is_refused():
    with pytest.raises(ValueError, match="a column of attention for each piece of the source"):
        Explanation(PLAIN.source[:-1], PLAIN.choices, "de", "en")
    with pytest.raises(ValueError, match="must have attention"):
        Explanation(PLAIN.source, replace(PLAIN.choices, attention=None), "de", "en")


class Page(HTMLParser):
    """The elements of a page, and the words of its sentences and of its table."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.inside, self.values = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.values += [value for _, value in attributes]
        if tag not in ("meta", "br"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        self.texts.append((self.inside[-1] if self.inside else "", data))

    def of(self, tag):
        return [data for inside, data in self.texts if inside == tag]


def test_html_shows_sentences_rivals_and_the_table():
    page = Page(explanation_html(PLAIN))
    words = ["Ein", "Hund", "läuft", ".", "<eos>", "A", "dog", "runs", ".", "<eos>"]
    assert [text for text in page.of("span") if text in words] == [*words, *words[:5]]
    assert [text for text in page.of("th") if text in words] == words[5:]
    assert page.of("b") == ["other", "else"] * 5
    assert page.tags.count("td") == 1 + 5 * (5 + 2)


def test_html_runs_nothing_that_a_text_says():
    text = explanation_html(HOSTILE)
    page, plain = Page(text), Page(explanation_html(PLAIN))
    assert set(page.tags) <= set(plain.tags)
    assert page.tags.count("script") == plain.tags.count("script") == 1
    assert page.tags.count("p") == plain.tags.count("p")
    assert "&amp;" in "".join(page.of("span"))  # typed so, and shown so
    assert "</p>" in page.of("b")
    assert not re.search("[\x00-\x09\x0b-\x1f]", text)


def test_html_languages_are_escaped_too():
    changed = replace(PLAIN, source_language='"><script>')
    page = Page(explanation_html(changed))
    assert page.tags.count("script") == 1
    assert page.values.count('"><script>') == 1


def test_html_fetches_nothing_and_styles_only_itself():
    text = explanation_html(HOSTILE)
    assert not re.search(r"https?:|//\w|\bsrc=|\burl\(|@import", text)
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)[1]
    selectors = [each.strip() for group in re.findall(r"([^{};]+)\{", style) for each in group.split(",")]
    assert len(selectors) > 20
    assert [each for each in selectors if not each.startswith((".inwords-explanation", "@media"))] == []


def test_a_page_of_several(tmp_path):
    write_explanations([PLAIN, HOSTILE, PLAIN], tmp_path / "a.HTML")
    page = Page((tmp_path / "a.HTML").read_text(encoding="utf-8"))
    counts = {tag: page.tags.count(tag) for tag in ("html", "h1", "style", "script", "figure", "table")}
    assert counts == {"html": 1, "h1": 1, "style": 1, "script": 1, "figure": 3, "table": 3}


def texts_of_svg(path):
    tree = ElementTree.fromstring(path.read_bytes())
    assert tree.tag == "{http://www.w3.org/2000/svg}svg"
    assert {each.tag.partition("}")[2] for each in tree} == {"rect", "text"}
    return [each.text for each in tree.iter("{http://www.w3.org/2000/svg}text")]


def test_svg_keeps_texts_as_they_are(tmp_path):
    write_explanations([PLAIN, HOSTILE], tmp_path / "a.svg")
    texts = texts_of_svg(tmp_path / "a.svg")
    assert texts.count("de → en") == 2
    words = ["läuft", "dog", "<eos>", "<script>", "&amp;", "$5", "😀👩‍🚀", "东京", "🎉", "مرحبا", "␀␛"]
    assert [word for word in words if word not in texts] == []
    assert "</p> 30%  ·  🎉 20%  ·  \\frac{$ 10%" in texts


def pixels(path):
    with Image.open(path) as image:
        assert image.format == path.suffix[1:].upper()
        return np.asarray(image.convert("RGB")).astype(int)


def test_png_has_all_within_its_margins(tmp_path):
    """Nothing is cut off, nor warned of, whatever the words; equal signs look the same."""
    long = make([" Donaudampfschifffahrtsgesellschaft"] * 3, [" w" * 200, " x"] * 8)
    for explanations in ([PLAIN], [HOSTILE], [long, PLAIN]):
        write_explanations(explanations, tmp_path / "a.png")
        picture = pixels(tmp_path / "a.png")
        edges = [picture[:20], picture[-20:], picture[:, :20].swapaxes(0, 1), picture[:, -20:].swapaxes(0, 1)]
        assert [edge.min() for edge in edges] == [255] * 4
        assert picture.min() < 100


def test_png_darkest_where_the_translation_looked(tmp_path):
    rows = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    rivals, probabilities = ((),) * 3, (1.0,) * 3
    words = ("a", "b", "c")
    source, target = (tuple(f" {word}" for word in words),) * 2
    choices = Choices(target, probabilities, rivals, (0.0,) * 3, rows)
    write_explanations([Explanation(source, choices, "de", "en")], tmp_path / "a.png")
    picture = pixels(tmp_path / "a.png")
    blue = (abs(picture - (0x18, 0x5F, 0xBE)).max(axis=2) < 3).nonzero()
    # By thirds of the blue area down: the middle of each is right, left, rightmost.
    middles = [
        blue[1][blue[0] == row].mean() for row in np.quantile(np.unique(blue[0]), (0.15, 0.5, 0.85)).round()
    ]
    assert np.argsort(middles).tolist() == [1, 0, 2]


def test_pictures_grow_with_the_words(tmp_path):
    def size(count):
        write_explanations([make([" word"] * count, [" word"] * count)], tmp_path / "a.svg")
        tree = ElementTree.fromstring((tmp_path / "a.svg").read_bytes())
        return [float(value) for value in tree.get("viewBox").split()[2:]]

    few, more, many = size(5), size(20), size(60)
    assert few < more < many
    # A column stays wide enough for a slanted word of its size.
    assert many[0] > 60 * 18


@pytest.mark.parametrize("suffix", [".html", ".png", ".svg"])
def test_nothing_to_explain(tmp_path, suffix):
    write_explanations([], tmp_path / f"a{suffix}")
    if suffix == ".png":
        assert pixels(tmp_path / "a.png").min() < 200
    else:
        assert "was translated" in (tmp_path / f"a{suffix}").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.pdf", r"a\.pdf: an explanation is \.html, \.png, \.svg; choose"),
        ("a", "a: an explanation is"),
        ("none/a.html", "cannot be written .*; choose another file"),
        ("none/a.png", "cannot be written .*; choose another file"),
        ("folder.svg", r"folder\.svg: cannot be written .*; choose another file"),
    ],
)
def test_bad_paths(tmp_path, name, message):
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(InputError, match=message):
        write_explanations([PLAIN], tmp_path / name)


def test_too_much_for_one_png(tmp_path):
    with pytest.raises(InputError, match=r"a\.png: too much for one PNG; choose \.html or \.svg"):
        write_explanations([make([" a"] * 4000, [" b"])], tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_threads_do_not_disturb_each_other(tmp_path):
    works = [[PLAIN], [HOSTILE], [make([" a"] * 9, [" b"] * 9)], [PLAIN, HOSTILE]]
    alone, together = tmp_path / "alone", tmp_path / "together"
    alone.mkdir()
    together.mkdir()
    names = [(number, f"{number}{suffix}") for number in range(4) for suffix in (".png", ".svg", ".html")]
    for number, name in names:
        write_explanations(works[number], alone / name)
    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(write_explanations, works[number], together / name) for number, name in names]
        assert [job.result() for job in jobs] == [None] * len(names)
    assert [name for _, name in names if (alone / name).read_bytes() != (together / name).read_bytes()] == []


def test_neither_torch_nor_pyplot_nor_a_display_is_needed(environment, tmp_path):
    code = f"""
import sys
from pathlib import Path
from common.choices import Choices
from translation.explanation import Explanation
from translation.explanation_page import write_explanations
one = Explanation((" a",), Choices((" b",), (0.5,), ((),), (1.0,), ((1.0,),)), "de", "en")
write_explanations([one], Path({str(tmp_path / "a.html")!r}))
assert "matplotlib" not in sys.modules
write_explanations([one], Path({str(tmp_path / "a.png")!r}))
assert not {{"torch", "matplotlib.pyplot"}} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert pixels(tmp_path / "a.png").min() < 100

import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from common.choices import Choices
from common.decoder import DecoderConfig
from common.errors import InputError
from common.generation.explanation import TextExplanation, explain_texts, running_mean, summary
from common.generation.explanation_page import write_text_explanations
from common.generation.model import LanguageModel, LanguageModelConfig
from common.loops import Loop
from common.result import Result
from common.sampling import GREEDY, Sampling
from common.search import Beam
from common.tokenizer import Tokenizer

TEXT = "to be or not to be, that is the question:\nwhether 'tis nobler in the mind to suffer"


@pytest.fixture(scope="module", params=["character", "word", "byte-pair"])
def model(request):
    torch.manual_seed(0)
    size = 280 if request.param == "byte-pair" else None
    tokenizer = Tokenizer.train(request.param, [TEXT], vocabulary_size=size)
    return LanguageModel(LanguageModelConfig(DecoderConfig(len(tokenizer), 8, 16, 1)), tokenizer).eval()


@pytest.mark.parametrize("strategy", [GREEDY, Sampling(2.0, seed=3), Beam(3)])
def test_it_is_read_as_it_was_written(model, strategy):
    """With what the model has never seen in the prompt, too."""
    result = model.generate("to be 東 ", 30, strategy)
    (explanation,) = explain_texts(model, "to be 東 ", [("", result)])
    assert explanation.choices.pieces == result.tokens
    found = [math.log(value) for value in explanation.choices.probabilities]
    assert found == pytest.approx(result.log_probabilities, abs=1e-4)
    assert all(0 <= bits <= math.log2(len(model.tokenizer)) + 1e-4 for bits in explanation.bits)


def test_what_comes_after_a_stop_is_not_explained(model):
    result = model.generate("to be", 40, Sampling(1.0, seed=1), stop=[" ", "e", "t"])
    (explanation,) = explain_texts(model, "to be", [("", result)])
    assert explanation.choices.pieces == result.tokens
    assert len(result.ids) == len(result.tokens)


@pytest.mark.parametrize(
    ("prompt", "added", "loop"),
    [
        ("q", "xyab" + "ab" * 4, Loop(2, 2, 12)),
        ("q", "abababab!", None),  # it gets out of it
        ("ab", "ababab", Loop(0, 2, 6)),  # it begins in the prompt
        ("q", "xyz", None),
    ],
)
def test_loops_up_to_the_end(prompt, added, loop):
    tokenizer = Tokenizer.train("character", ["abqxyz!"])
    model = LanguageModel(LanguageModelConfig(DecoderConfig(len(tokenizer), 8, 16, 1)), tokenizer).eval()
    result = Result(prompt + added, tokens=tuple(added), ids=tuple(tokenizer.encode(added)))
    (explanation,) = explain_texts(model, prompt, [("", result)])
    assert explanation.loop == loop
    assert ("goes round in circles" in summary(explanation)) == (loop is not None)


def test_too_much_is_refused(model):
    result = Result("x", ids=(5,) * 6000)
    with pytest.raises(InputError, match=r"12,000 tokens to explain; give a --length of at most 10,000"):
        explain_texts(model, "", [("", result)] * 2)


def test_running_means():
    assert running_mean([]) == []
    assert running_mean([2.0] * 50) == pytest.approx([2.0] * 50)
    values = [0.0] * 9 + [9.0] + [0.0] * 9
    assert running_mean(values) == pytest.approx([0.0] * 5 + [1.0] * 9 + [0.0] * 5)


def explanation(pieces, prompt="", loop=None, rivals=(("o", 0.25), ("\n", 0.125))):
    count = len(pieces)
    choices = Choices(tuple(pieces), (0.5,) * count, (tuple(rivals),) * count, (math.log(4),) * count)
    return TextExplanation("greedy", prompt, choices, loop)


PLAIN = explanation("ab\n\nab ab ", "To ", Loop(4, 3, 10))
HOSTILE = explanation(
    ["<b>", "&amp;", '"', "'", "\x00", "</span>", "<0xF0>", "\n", " ", "😀"],
    "<script>\n&",
    rivals=[("</p>", 0.2), ('" onclick="', 0.1)],
)


class Page(HTMLParser):
    """The tokens of a page with what is said of them, and its elements."""

    def __init__(self, path):
        super().__init__()
        self.tokens, self.said, self.classes, self.tags, self.prompt = [], [], [], [], ""
        self.kind = None
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.kind = "token" if "data-row" in given else given.get("class")
        if self.kind == "token":
            self.tokens.append("")
            self.said.append(given["title"].split("\n"))
            self.classes.append(given.get("class"))

    def handle_endtag(self, tag):
        self.kind = None

    def handle_data(self, data):
        if self.kind == "token":
            self.tokens[-1] += data
        elif self.kind == "prompt":
            self.prompt += data


def test_a_page_has_every_token_and_its_rivals(tmp_path):
    write_text_explanations([PLAIN], tmp_path / "a.html")
    page = Page(tmp_path / "a.html")
    assert page.prompt + "".join(page.tokens) == "To ab\n\nab ab "
    assert page.said[0] == ["a", "50%", "entropy 2.0 bits", "o 25%", "↵ 12%"]
    assert page.said[2][0] == "↵"
    assert page.classes == [None, None, "line", "line", *["loop round", "loop", "loop"] * 2]


def test_a_page_runs_and_fetches_nothing_that_a_text_says(tmp_path):
    write_text_explanations([HOSTILE], tmp_path / "a.html")
    write_text_explanations([explanation("x" * 10, "y")], tmp_path / "b.html")
    page, plain = Page(tmp_path / "a.html"), Page(tmp_path / "b.html")
    assert page.tags == plain.tags
    assert page.prompt == "<script>\n&"
    assert page.tokens == ["<b>", "&amp;", '"', "'", "␀", "</span>", "<0xF0>", "\n", " ", "😀"]
    assert page.said[0][3:] == ["</p> 20%", '" onclick=" 10%']
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//\w|\bsrc=|\burl\(|@import", text)


def test_a_page_of_thousands_of_tokens_stays_light(tmp_path):
    write_text_explanations([explanation("abcd " * 1000)], tmp_path / "a.html")
    assert (tmp_path / "a.html").stat().st_size < 200 * 5000


def texts_of_svg(path):
    tree = ElementTree.fromstring(path.read_bytes())
    return [each.text for each in tree.iter("{http://www.w3.org/2000/svg}text")]


def test_lines_of_a_picture_break_between_words(tmp_path):
    write_text_explanations([explanation(list("word " * 40 + "x" * 100))], tmp_path / "a.svg")
    lines = [text for text in texts_of_svg(tmp_path / "a.svg") if set(text) <= set("word x")]
    assert lines == ["word " * 19, "word " * 19, "word word ", "x" * 96, "x" * 4]


def test_a_picture_has_prompt_and_line_breaks(tmp_path):
    write_text_explanations([PLAIN, HOSTILE], tmp_path / "a.svg")
    texts = texts_of_svg(tmp_path / "a.svg")
    for expected in ("To ", "ab", "ab ab ", "↵", "<script>", "2 bits"):
        assert expected in texts
    assert sum(text.startswith("greedy") for text in texts) == 2


def amber(path):
    """How amber a PNG is."""
    with Image.open(path) as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    return ((picture[..., 0] - picture[..., 2]) > 40).mean()


def test_a_picture_is_the_more_amber_the_less_sure(tmp_path):
    for probability in (1.0, 0.1):
        choices = Choices(tuple("word" * 40), (probability,) * 160, ((),) * 160, (0.0,) * 160)
        write_text_explanations([TextExplanation("", "", choices, None)], tmp_path / f"{probability}.png")
    assert amber(tmp_path / "1.0.png") == 0
    assert amber(tmp_path / "0.1.png") > 0.05


@pytest.mark.parametrize("suffix", [".html", ".svg", ".png"])
def test_nothing_was_written(tmp_path, suffix):
    write_text_explanations([explanation([], "just a prompt")], tmp_path / f"a{suffix}")
    assert (tmp_path / f"a{suffix}").stat().st_size > 500


def test_the_command_explains_all_that_it_writes(call, tiny_language_model, tmp_path):
    done = call(
        "generate", "To be", "--model", tiny_language_model, "--length", 12, "--temperature", "0.5,1",
        "--count", 2, "--format", "jsonl", "--explain", tmp_path / "a.html",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    texts = [each["text"] for record in done.records for each in (record, *record["alternatives"])]
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    page = Page(tmp_path / "a.html")
    written = "".join(page.tokens)
    assert written == "".join(text.removeprefix("To be") for text in texts)
    assert re.findall(r"<figcaption>(temperature \S+  ·  \d of 2)", text) == [
        f"temperature {temperature}  ·  {number} of 2" for temperature in ("0.5", "1") for number in (1, 2)
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--explain", "a.pdf"), 1, "an explanation is .html, .png, .svg"),
        (("--explain", "no/such/a.png"), 1, "no such folder"),
        (("--explain", "a.png", "--interactive"), 2, "give no --interactive"),
    ],
)
def test_the_command_says_at_once_what_cannot_be(call, arguments, status, message):
    done = call("generate", "x", "--model", "none", *arguments)
    assert done.status == status
    assert message in done.err

import io
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from captioning.explaining import MOST, UNSEEN, CaptionExplanation, check, explain_captions, light
from captioning.explanation_page import write_caption_explanations
from captioning.model import Captioner
from common.choices import Choices
from common.errors import InputError


@pytest.fixture(scope="module")
def captioner(tiny_captioner):
    return Captioner.load(tiny_captioner)


def photograph(width=120, height=80):
    """Noise, brighter to the right."""
    numbers = np.random.default_rng(0).integers(0, 80, (height, width, 3))
    numbers[:, width // 2 :] += 150
    return Image.fromarray(numbers.astype(np.uint8))


def test_each_caption_is_read_beside_its_photograph(captioner):
    """Its words are as probable as the model finds them when it is given their pieces one after the other."""
    photographs, captions = [photograph(), photograph(60, 200)], ["a dog runs", "snow through the snow"]
    captioned = list(zip(("a", "b"), photographs, captions, strict=True))
    for (name, picture, caption), explained in zip(
        captioned, explain_captions(captioner, captioned), strict=True
    ):
        assert (explained.name, explained.language) == (name, "en")
        assert "".join(explained.choices.pieces).split() == caption.split()
        assert explained.photograph.size == picture.size
        rows = explained.choices.attention
        assert [len(row) for row in rows] == [captioner.config.encoder.places] * len(caption.split())
        ids = captioner.tokenizer.encode(caption)
        tokens = torch.tensor([[captioner.tokenizer.special("<en>"), *ids[:-1]]])
        with torch.inference_mode():
            pixels = torch.from_numpy(captioner.pixels(picture)).unsqueeze(0)
            logits, _ = captioner.decoder(tokens, captioner.start(pixels))
        expected = logits[0].log_softmax(-1)[range(len(ids)), ids].sum()
        assert sum(map(math.log, explained.choices.probabilities)) == pytest.approx(float(expected), abs=1e-3)


def test_more_than_a_batch_as_each_alone(captioner):
    captioned = [(str(place), photograph(40 + place, 50), "a dog") for place in range(18)]
    together = explain_captions(captioner, captioned)
    assert [each.name for each in together] == [str(place) for place in range(18)]
    for place in (0, 15, 16, 17):
        (alone,) = explain_captions(captioner, captioned[place : place + 1])
        assert alone.choices.pieces == together[place].choices.pieces
        assert alone.choices.probabilities == pytest.approx(together[place].choices.probabilities, abs=1e-5)


def test_large_photographs_are_reduced_in_their_shape(captioner):
    (wide,) = explain_captions(captioner, [("a", photograph(4000, 1000), "a dog")])
    width, height = wide.photograph.size
    assert width * height <= 400_500
    assert width / height == pytest.approx(4, rel=0.01)


def test_what_cannot_be_explained(captioner, tiny_captioner):
    torch.manual_seed(0)
    config = captioner.config
    blind = Captioner(replace(config, decoder=replace(config.decoder, memory_size=0)), captioner.tokenizer)
    with pytest.raises(InputError, match="this model has no attention"):
        check(blind, 1)
    with pytest.raises(InputError, match=rf"{MOST + 1} photographs to explain; give at most {MOST}"):
        check(captioner, MOST + 1)
    check(captioner, MOST)
    with pytest.raises(InputError, match="does not write captions in xx"):
        explain_captions(captioner, [("a", photograph(), "a dog")], "xx")


def brightest(grey):
    """Where, as shares of width and height, most light is left."""
    values = np.asarray(grey).astype(float)
    y, x = np.argwhere(values >= values.max() - 2).mean(0)
    return (x + 0.5) / grey.width, (y + 0.5) / grey.height


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (100, 100)])
@pytest.mark.parametrize("place", [0, 5, 8])
def test_light_is_where_was_looked_whatever_the_shape(size, place):
    attention = [0.01] * 9
    attention[place] = 0.92
    grey = light(attention, size)
    assert grey.size == size
    x, y = brightest(grey)
    assert (int(x * 3), int(y * 3)) == (place % 3, place // 3)
    assert np.asarray(grey).max() > 250
    assert np.asarray(grey).min() < 100


def test_light_fades_smoothly():
    values = np.asarray(light([0.0, 1.0, 0.0, 1.0], (200, 200))).astype(int)
    assert abs(np.diff(values, axis=1)).max() < 8


def test_of_a_panorama_what_is_not_seen_is_dark():
    values = np.asarray(light([0.25] * 4, (600, 100)))
    assert (values[:, :190] == round(255 * UNSEEN)).all()
    assert (values[:, 210:390] == 255).all()
    assert (values[:, 410:] == round(255 * UNSEEN)).all()


def explanation(pieces=(" A", " dog", "."), name="a.jpg", picture=None):
    count = len(pieces)
    rows = tuple(tuple(np.eye(9)[place % 9]) for place in range(count))
    rivals = (((" cat", 0.25), (" </b>", 0.125)),) * count
    choices = Choices(tuple(pieces), (0.5,) * count, rivals, (1.0,) * count, rows)
    return CaptionExplanation(name, picture or photograph(), choices, "en")


class Page(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.tags, self.words, self.tiles, self.inside = [], [], [], ""
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.inside = "word" if tag == "span" and "data-row" in given else tag
        if given.get("class") == "tile":
            self.tiles.append([])

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "word":
            self.words.append(data)
        elif self.inside == "b":
            self.tiles[-1].append(data)


def test_a_page_has_words_tiles_and_rivals(tmp_path):
    write_caption_explanations([explanation(), explanation([" Two", " dogs"])], tmp_path / "a.html")
    page = Page(tmp_path / "a.html")
    assert page.words == ["A", "dog", ".", "Two", "dogs"]
    assert page.tiles == [[word, "cat", "</b>"] for word in page.words]
    assert page.tags.count("figure") == 2
    # The photograph once, however many words; a veil for each.
    assert page.text.count("data:image/jpeg") == 2
    assert page.text.count("data:image/png") == 5
    assert not re.search(r"https?:|\bsrc=|@import", re.sub("base64,[^)]*", "", page.text))


def test_a_page_runs_nothing_that_a_name_or_a_caption_says(tmp_path):
    write_caption_explanations([explanation()], tmp_path / "a.html")
    hostile = explanation([" <script>", ' "x', " &amp;"], '"><script>.jpg')
    write_caption_explanations([hostile], tmp_path / "b.html")
    plain, page = Page(tmp_path / "a.html"), Page(tmp_path / "b.html")
    assert page.tags == plain.tags
    assert page.words == ["<script>", '"x', "&amp;"]


def test_a_picture_has_a_photograph_for_each_word_and_one_more(tmp_path):
    write_caption_explanations([explanation([" w"] * 14)], tmp_path / "a.svg")
    tree = ElementTree.fromstring((tmp_path / "a.svg").read_bytes())
    images = list(tree.iter("{http://www.w3.org/2000/svg}image"))
    texts = [each.text for each in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert len(images) == 15
    assert (texts.count("w"), texts.count("50%")) == (14, 14)
    assert {float(each.get("width")) / float(each.get("height")) for each in images} == {1.5}
    width, height = map(float, tree.get("viewBox").split()[2:])
    assert max(float(each.get("x")) + 120 for each in images) < width
    assert max(float(each.get("y")) + 80 for each in images) < height


@pytest.mark.parametrize("suffix", [".html", ".svg"])
def test_nothing_was_captioned(tmp_path, suffix):
    write_caption_explanations([], tmp_path / f"a{suffix}")
    assert "othing was captioned" in (tmp_path / f"a{suffix}").read_text(encoding="utf-8")


def test_the_command_explains_what_it_could_read(call, tiny_captioner, tmp_path):
    photograph().save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_text("no picture")
    prefix = ("--prefix", "a dog runs")
    done = call("caption", "--model", tiny_captioner, tmp_path, *prefix, "--explain", tmp_path / "a.html")
    assert done.status == 1
    page = Page(tmp_path / "a.html")
    assert page.text.count("<figcaption>") == 1
    assert "good.png</figcaption>" in page.text
    assert done.out.strip().startswith("A dog runs")
    assert page.words[:2] == ["A", "dog"]
    assert page.words[2].startswith("runs")


def test_the_command_explains_standard_input(call, tiny_captioner, tmp_path):
    content = io.BytesIO()
    photograph().save(content, "PNG")
    arguments = ("caption", "-", "--model", tiny_captioner, "--explain", tmp_path / "a.png")
    assert call(*arguments, stdin=content.getvalue()).status == 0
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("x.jpg", "--explain", "a.pdf"), 1, "an explanation is .html, .png, .svg"),
        (("x.jpg", "--explain", "no/such/a.png"), 1, "no such folder"),
        (("--input", "x.txt", "--explain", "a.png"), 2, "give them as PHOTO"),
    ],
)
def test_the_command_says_at_once_what_cannot_be(call, arguments, status, message):
    done = call("caption", "--model", "none", *arguments)
    assert done.status == status
    assert message in done.err

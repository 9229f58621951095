import io
import math
import os
import re
import tomllib
import tracemalloc
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from PIL import Image

from captioning.gallery import Gallery, confidence, thumbnail
from common.errors import InputError
from common.result import Result

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = ROOT.parent / "shared" / "data" / "flickr8k" / "images"
VOID = {"meta", "input", "img"}
HOSTILE = "</p></figure><script>alert('x')</script> & \"quoted\" ${errors} $HOME\n next"


class Page(HTMLParser):
    """What a page consists of; its elements must be closed in turn.

    A figure is what a browser makes of it: the attributes of its elements, their texts by class or tag.
    """

    def __init__(self, path):
        super().__init__()
        self.open, self.ids, self.figures, self.errors, self.references, self.texts = [], {}, [], [], [], []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "figure":
            self.figures.append({"figure": values, "others": [], "p": "", "name": "", "sure": ""})
        elif self.figures and tag in ("a", "img"):
            self.figures[-1].setdefault(tag, values)
        if "id" in values:
            assert values["id"] not in self.ids
            self.ids[values["id"]] = values
        self.references += [values[name] for name in ("src", "href") if name in values]
        if tag not in VOID:
            self.open.append(values.get("class") or values.get("id") or tag)
        if tag == "li" and "errors" in self.open:
            self.errors.append("")
        elif tag == "li":
            self.figures[-1]["others"].append("")

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        self.texts.append(data)
        if self.open[-1:] == ["li"] and "errors" in self.open:
            self.errors[-1] += data
        elif self.open[-1:] == ["li"]:
            self.figures[-1]["others"][-1] += data
        elif "figure" in self.open and self.open[-1] in ("p", "name", "sure"):
            self.figures[-1][self.open[-1]] += data


def picture(width=60, height=40, colour="teal"):
    return Image.new("RGB", (width, height), colour)


def result(text, probability=0.5, tokens=4, others=()):
    score = tokens * math.log(probability)
    return Result(text, score, ("x",) * tokens, alternatives=tuple(Result(each) for each in others))


def gallery(tmp_path, *items, title="Holiday", language="en"):
    """The page of some (path, picture, result)."""
    path = tmp_path / "page.html"
    with Gallery.open(path, title, language) as page:
        for item in items:
            page.add(*item)
    return Page(path)


def test_every_photograph_comes_once_in_its_order_and_the_errors_last(tmp_path):
    items = [
        (tmp_path / f"{number % 7} {number}.jpg", picture(), result(f"number {number}"))
        for number in range(40)
    ]
    items[11] = (items[11][0], None, InputError("b.jpg: the file is empty"))
    items[3] = (items[3][0], None, InputError("a.jpg: not a picture"))
    page = gallery(tmp_path, *items)
    good = [item for item in items if item[1]]
    assert [each["name"] for each in page.figures] == [path.name for path, _, _ in good]
    assert [each["p"] for each in page.figures] == [each.text for _, _, each in good]
    assert [each["img"]["alt"] for each in page.figures] == [each.text for _, _, each in good]
    assert page.errors == ["a.jpg: not a picture", "b.jpg: the file is empty"]
    assert page.text.rindex("<figure") < page.text.index('id="errors"')


def test_a_page_without_errors_or_photographs_is_whole(tmp_path):
    page = gallery(tmp_path)
    assert (page.figures, page.errors, "errors" in page.ids) == ([], [], False)


def test_nothing_that_is_shown_can_break_out(tmp_path):
    page = gallery(
        tmp_path,
        (tmp_path / HOSTILE.replace("/", ":"), picture(), result(HOSTILE, others=(HOSTILE,))),
        (tmp_path / "x", None, InputError(HOSTILE)),
        title=HOSTILE,
    )
    line = HOSTILE.replace("\n", " ")
    (figure,) = page.figures
    assert [figure["p"], figure["img"]["alt"], *figure["others"], *page.errors] == [line] * 4
    assert figure["name"] == figure["a"]["title"] == line.replace("/", ":")
    assert (
        page.texts.count(line) == 5
    )  # the title and the heading, the caption, the alternative and the error
    assert page.text.count("<script>") == 1


@pytest.mark.parametrize(
    "name",
    [
        "plain.jpg",
        "a \"b\" <c> & 'd'.jpg",
        "50% #1?.jpg",
        "a:b.jpg",
        "Fußball 🐕.jpg",
        "two\nlines.jpg",
        b"\xffold\xe4.jpg",
    ],
)
def test_a_link_leads_from_the_page_to_the_photograph(tmp_path, name):
    """Resolved as a browser does: the bytes of the address, joined to the folder of the page."""
    folder, pages = tmp_path / "photos here", tmp_path / "pages"
    folder.mkdir()
    pages.mkdir()
    photograph = folder / os.fsdecode(name)
    photograph.write_bytes(b"")
    link = gallery(pages, (photograph, picture(), result("a dog"))).figures[0]["a"]["href"]
    assert re.fullmatch(r"[\w.%/~-]+", link, re.ASCII)
    assert os.path.samefile(os.path.join(os.fsencode(pages), unquote_to_bytes(link)), os.fsencode(photograph))


def test_a_link_is_relative_to_the_page_even_if_the_photograph_was_named_otherwise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Gallery.open(Path("page.html"), "x") as page:
        page.add(Path("one/../two/a.jpg"), picture(), result("a"))
        page.add(tmp_path / "b.jpg", picture(), result("b"))
    assert [each["a"]["href"] for each in Page(Path("page.html")).figures] == ["two/a.jpg", "b.jpg"]


def test_the_page_needs_nothing_else(tmp_path):
    page = gallery(tmp_path, (tmp_path / "a.jpg", picture(), result("a dog")))
    assert [each for each in page.references if not each.startswith("data:image/webp;base64,")] == ["a.jpg"]
    assert not re.search(r"https?:|//\w|@import|url\(|\$\{", page.text.replace("base64,", ""))


def test_what_the_script_looks_for_is_there(tmp_path):
    script = (ROOT / "captioning" / "gallery.js").read_text(encoding="utf-8")
    named = re.search(r"\[([^]]+)\]\.map\(id => document\.getElementById", script)
    page = gallery(
        tmp_path, (tmp_path / "a.jpg", picture(), result("a dog")), (tmp_path, None, InputError("b"))
    )
    assert {each.strip('", ') for each in named[1].split(",")} | {"errors"} == set(page.ids)
    assert script.strip() in page.text
    assert page.figures[0]["figure"]["data-sure"] == "0.5000"


def test_captions_say_their_language_and_the_rest_of_the_page_its_own(tmp_path):
    page = gallery(tmp_path, (tmp_path / "a.jpg", picture(), result("Ein Hund")), language='de"')
    assert page.ids["photographs"]["lang"] == 'de"'
    assert '<html lang="en">' in page.text
    assert '<div class="foot" lang="en">' in page.text


def test_alternatives_follow_the_caption(tmp_path):
    page = gallery(tmp_path, (tmp_path / "a.jpg", picture(), result("a dog", others=("a cat", "a fox"))))
    assert page.figures[0]["others"] == ["a cat", "a fox"]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [((0.5, 0.125), 0.25), ((0.9,), 0.9), ((1.0, 1.0), 1.0), ((1e-9, 1e-9, 1e-9), 1e-9), ((), None)],
)
def test_confidence_is_the_geometric_mean(scores, expected):
    every = tuple(math.log(each) for each in scores)
    found = confidence(Result("a b", sum(every), ("x",) * len(every), every))
    assert found == (expected if expected is None else pytest.approx(expected))


def test_confidence_is_shown_where_there_is_one(tmp_path):
    items = [(tmp_path / "a.jpg", picture(), each) for each in (result("a", 0.734), Result("b"))]
    page = gallery(tmp_path, *items)
    first, second = page.figures
    assert (first["sure"], first["figure"]["data-sure"]) == ("Confidence 73%", "") or first["sure"].endswith(
        "73%"
    )
    assert (second["sure"], second["figure"]["data-sure"]) == ("", "")


@pytest.mark.parametrize(
    "size", [(4000, 3000), (3000, 4000), (9000, 700), (90, 6000), (224, 224), (100, 60), (1, 3000)]
)
def test_a_thumbnail_keeps_the_shape_and_enlarges_nothing(size):
    image = picture(*size)
    with Image.open(io.BytesIO(thumbnail(image))) as small:
        assert small.format == "WEBP"
        assert max(small.size) <= min(240, max(size))
        assert max(small.size) >= 120 or small.size == size
        short, long = min(size) * max(small.size) / max(size), min(small.size)
        assert abs(short - long) <= 1
        assert small.width == small.height or (small.width > small.height) == (size[0] > size[1])
    assert image.size == size


def test_a_thumbnail_made_before_gives_the_same_page(tmp_path):
    image = Image.linear_gradient("L").convert("RGB")
    texts = [
        gallery(tmp_path, (tmp_path / "a.jpg", each, result("a dog"))).text
        for each in (image, thumbnail(image))
    ]
    assert texts[0] == texts[1]
    assert "--tone:#808080" in texts[0] or "--tone:#7f7f7f" in texts[0]


def test_a_caption_without_its_picture_is_a_mistake_of_the_program(tmp_path):
    with pytest.raises(ValueError, match="picture must be given"):
        gallery(tmp_path, (tmp_path / "a.jpg", None, result("a dog")))


def test_the_page_grows_as_photographs_come_and_memory_does_not(tmp_path):
    path, small = tmp_path / "page.html", thumbnail(Image.effect_noise((200, 180), 90).convert("RGB"))
    assert len(small) > 4000
    sizes = []
    with Gallery.open(path, "Holiday") as page:
        page.add(tmp_path / "first.jpg", small, result("a dog"))
        tracemalloc.start()
        try:
            for number in range(90):
                page.add(tmp_path / f"{number}.jpg", small, result("a dog"))
                page.add(tmp_path / f"{number}.txt", None, InputError("bad " * 2000))
                if number % 30 == 29:
                    sizes.append(os.path.getsize(f"{path}.part"))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert not path.exists()
    assert peak < 300_000
    assert sizes[0] > 30 * len(small)
    assert sizes[2] - sizes[1] == pytest.approx(sizes[1] - sizes[0], rel=0.05)
    assert path.read_text(encoding="utf-8").count("<figure") == 91


def test_after_an_error_the_former_page_is_still_there_and_nothing_else(tmp_path):
    gallery(tmp_path, (tmp_path / "a.jpg", picture(), result("a dog")))
    before = (tmp_path / "page.html").read_bytes()

    def interrupted():
        with Gallery.open(tmp_path / "page.html", "New") as page:
            page.add(tmp_path / "b.jpg", picture(), result("a cat"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "page.html").read_bytes() == before
    assert os.listdir(tmp_path) == ["page.html"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing/page.html", "cannot be written .* choose another --gallery$"),
        (".", "is a folder; .* --gallery$"),
    ],
)
def test_a_page_that_cannot_be_written_is_refused_before_any_work(tmp_path, name, message):
    with pytest.raises(InputError, match=message), Gallery.open(tmp_path / name, "x"):
        pytest.fail("the work began")


def test_five_thousand_photographs_stay_below_thirty_megabytes(tmp_path):
    if not PHOTOGRAPHS.is_dir():
        pytest.skip(f"the photographs of Flickr8k are not at {PHOTOGRAPHS}")
    paths = sorted(PHOTOGRAPHS.glob("*.jpg"))[::300]
    caption = result("two dogs , one of them brown and white , run through the snow")
    frame = len(gallery(tmp_path).text)
    page = gallery(tmp_path, *((path, Image.open(path).convert("RGB"), caption) for path in paths))
    assert frame + (len(page.text) - frame) / len(paths) * 5000 < 30e6


def test_the_parts_of_the_page_are_packaged():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for name in ("gallery.html", "gallery.css", "gallery.js"):
        assert (ROOT / "captioning" / name).is_file()
        assert any(fnmatch(name, pattern) for pattern in patterns["captioning"])

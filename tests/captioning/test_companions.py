"""What the caption command makes beside the captions."""

import re
import shutil
from xml.etree import ElementTree

import pytest


@pytest.fixture
def album(colours, tmp_path):
    """A folder with pictures of three colours and a file that is none; the model that names them."""
    model, folder = colours
    album = tmp_path / "album"
    shutil.copytree(folder, album)
    (album / "torn.jpg").write_text("no picture")
    return model, album


def test_a_gallery_and_sidecars_say_what_the_captions_say(album, call, tmp_path):
    model, folder = album
    before = {path: path.read_bytes() for path in folder.iterdir()}
    page = tmp_path / "page.html"
    outcome = call("caption", "--model", model, folder, "--gallery", page, "--write-xmp")
    assert outcome.status == 1
    names = sorted(path.name for path in before)
    captions = dict(zip(names, outcome.out.splitlines(), strict=True))
    assert captions["torn.jpg"] == ""
    html = page.read_text(encoding="utf-8")
    assert re.findall(r'<img alt="([^"]*)"', html) == [each for each in captions.values() if each]
    assert html.count("data:image/webp") == 3
    assert "torn.jpg" in html[html.index('id="errors"') :]
    for name in ("red.png", "green.png", "blue.png"):
        sidecar = ElementTree.parse(folder / f"{name}.xmp")
        texts = {"".join(each.itertext()) for each in sidecar.iter() if each.tag.endswith("}li")}
        assert texts == {captions[name]}
    assert not (folder / "torn.jpg.xmp").exists()
    assert all(path.read_bytes() == data for path, data in before.items())


def test_a_photograph_named_twice_is_shown_twice(album, call, tmp_path):
    model, folder = album
    page = tmp_path / "page.html"
    outcome = call("caption", "--model", model, *[folder / "red.png"] * 2, "--gallery", page)
    assert outcome.status == 0
    assert page.read_text(encoding="utf-8").count("<img ") == 2


def test_no_page_is_left_where_nothing_could_begin(album, call, tmp_path):
    model, folder = album
    outcome = call("caption", "--model", model, folder, "--gallery", tmp_path / "none" / "page.html")
    assert outcome.status == 1
    assert re.search(r"page\.html.*--gallery", outcome.err)


def test_a_gallery_of_a_resumed_run_would_lack_photographs(album, call, tmp_path):
    model, folder = album
    arguments = ["--gallery", tmp_path / "page.html", "--output", tmp_path / "out", "--resume"]
    outcome = call("caption", "--model", model, folder, *arguments)
    assert outcome.status == 2
    assert "--gallery shows all photographs" in outcome.err

import base64
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from common.picture import CELL, Box, Line, Photo, Picture, Text, blend, cells_of, png, svg, width_of

RED, BLUE = (200, 30, 30), (30, 30, 200)


def pixels(content):
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.fixture
def halves():
    """A picture, red on the left and blue on the right."""
    image = Image.new("RGB", (40, 20), RED)
    image.paste(BLUE, (20, 0, 40, 20))
    return image


def test_all_is_where_it_was_put_in_a_png(halves):
    picture = Picture(144, 72)
    picture.boxes.append(Box(72, 36, 72, 36, "#00ff00"))
    picture.lines.append(Line(((0, 54), (36, 54)), "#000000", 4))
    picture.photos.append(Photo(0, 0, 72, 36, halves))
    found = pixels(png(picture))
    height, width = found.shape[:2]
    at = {name: tuple(found[int(y * height), int(x * width)]) for name, x, y in PLACES}
    assert at["box"] == (0, 255, 0)
    assert at["line"] == (0, 0, 0)
    assert at["left"] == RED
    assert at["right"] == BLUE
    assert at["nothing"] == (255, 255, 255)


PLACES = [
    ("box", 0.75, 0.75),
    ("line", 0.1, 0.75),
    ("left", 0.1, 0.25),
    ("right", 0.4, 0.25),
    ("nothing", 0.75, 0.25),
]


def test_an_svg_holds_its_photographs(halves):
    picture = Picture(144, 72, photos=[Photo(1, 2, 72, 36, halves)])
    tree = ElementTree.fromstring(svg(picture))
    (image,) = tree.iter("{http://www.w3.org/2000/svg}image")
    kind, content = image.get("href").split(",")
    assert kind == "data:image/jpeg;base64"
    found = pixels(base64.b64decode(content))
    assert abs(found[10, 5] - RED).max() < 10
    assert abs(found[10, 35] - BLUE).max() < 10


def test_texts_of_equal_signs_line_up():
    """Spaces count, marks do not, ideographs count twice; the font that draws it keeps to that."""
    assert [cells_of(sign) for sign in "a ́京"] == [1, 1, 0, 2]
    assert width_of("ab 京", 10, equal=True) == pytest.approx(5 * CELL * 10)
    picture = Picture(height=40)
    picture.write(Text(0, 20, "a" + " " * 98 + "a", 10, equal=True))
    assert picture.width == pytest.approx(1000 * CELL)
    columns = np.flatnonzero(pixels(png(picture)).min(axis=(0, 2)) < 128)
    assert columns[0] / columns[-1] < 0.01
    assert columns[-1] > 0.98 * 1000 * CELL * 200 / 72
    (text,) = ElementTree.fromstring(svg(picture)).iter("{http://www.w3.org/2000/svg}text")
    assert float(text.get("textLength")) == pytest.approx(1000 * CELL)
    assert text.text == "a" + " " * 98 + "a"


def test_colours_between_two():
    assert blend("#000000", "#ff8000", 0.0) == "#000000"
    assert blend("#000000", "#ff8000", 0.5) == "#804000"
    assert blend("#000000", "#ff8000", 1.0) == "#ff8000"

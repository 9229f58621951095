import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.four_shapes import SHAPES, main

IN_THE_DOCUMENTS = Path(__file__).parents[2] / "docs" / "four-shapes.svg"


def texts(path):
    """The lines of text in an SVG, in order."""
    elements = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(element.itertext()).strip() for element in elements]


def test_the_same_command_writes_the_same_bytes(tmp_path):
    for name in ("first.svg", "second.svg"):
        main([str(tmp_path / name)])
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()


def test_every_text_can_be_read(tmp_path):
    """And no other is there: what is read and written at no step has no box."""
    main([str(tmp_path / "shapes.svg")])
    expected = []
    for shape in SHAPES:
        expected += [shape.name, *shape.example.split("\n"), *filter(None, shape.reads + shape.writes)]
        expected += ["state" if len(shape.reads) > 1 else "layers"] * len(shape.reads)
    assert sorted(texts(tmp_path / "shapes.svg")) == sorted(expected)


def test_the_documents_have_this_picture(tmp_path):
    main([str(tmp_path / "shapes.svg")])
    assert texts(tmp_path / "shapes.svg") == texts(IN_THE_DOCUMENTS)


def test_a_png_opens_and_shows_something(tmp_path):
    main([str(tmp_path / "shapes.png")])
    with Image.open(tmp_path / "shapes.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 3 * picture.height
        assert 0.005 < (np.asarray(picture.convert("L")) < 128).mean() < 0.2


def test_other_formats_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "shapes.gif")])
    assert "give a name that ends in .svg or .png" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

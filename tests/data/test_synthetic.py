import re
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from data.captions import missing_images, read_captions
from data.parallel import read_pairs
from data.synthetic import number_in_words, numbers, shapes, write_numbers, write_shapes

SHAPE = r"a (?P<{0}_size>small|large) (?P<{0}_colour>red|green|blue) (circle|square|triangle)"
CAPTION = re.compile(f"{SHAPE.format('first')} (?P<relation>above|left of) {SHAPE.format('second')}")


@pytest.mark.parametrize("size", [24, 32, 64])
def test_pictures_show_what_captions_say(size: int) -> None:
    drawings = shapes(200, seed=1, size=size)
    for drawing in drawings:
        assert (drawing.image.size, drawing.image.mode) == ((size, size), "RGB")
        match = CAPTION.fullmatch(drawing.caption)
        assert match is not None, drawing.caption
        half = size // 2
        second_corner = (0, half) if match["relation"] == "above" else (half, 0)
        far = (size, half) if match["relation"] == "above" else (half, size)
        boxes = {"first": (0, 0, *far), "second": (*second_corner, size, size)}
        for which, box in boxes.items():
            part = drawing.image.crop(box)
            colours = {colour for _, colour in part.getcolors() or [] if colour != (255, 255, 255)}
            assert len(colours) == 1, drawing.caption
            (colour,) = colours
            assert ("red", "green", "blue")[colour.index(max(colour))] == match[f"{which}_colour"]
            box_of_shape = ImageChops.invert(part).getbbox()
            assert box_of_shape is not None
            width = (box_of_shape[2] - box_of_shape[0]) / size
            assert (width > 0.31) == (match[f"{which}_size"] == "large"), (drawing.caption, width)
    assert len({drawing.caption for drawing in drawings}) > 100


def test_seed_decides_the_drawings() -> None:
    first, longer, other = shapes(5, seed=1), shapes(8, seed=1), shapes(5, seed=2)
    assert [d.caption for d in first] == [d.caption for d in longer[:5]] != [d.caption for d in other]
    assert [d.image.tobytes() for d in first] == [d.image.tobytes() for d in longer[:5]]


def test_written_shapes_are_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "shapes"
    records = read_captions(write_shapes(folder, 6, seed=3), folder)
    drawings = shapes(6, seed=3)
    assert missing_images(records) == []
    assert [record.captions for record in records] == [(drawing.caption,) for drawing in drawings]
    for record, drawing in zip(records, drawings, strict=True):
        with Image.open(record.image) as image:
            assert image.tobytes() == drawing.image.tobytes()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (10, "ten"),
        (19, "nineteen"),
        (20, "twenty"),
        (99, "ninety-nine"),
        (100, "one hundred"),
        (101, "one hundred and one"),
        (342, "three hundred and forty-two"),
        (1_000, "one thousand"),
        (1_021, "one thousand and twenty-one"),
        (12_300, "twelve thousand three hundred"),
        (700_007, "seven hundred thousand and seven"),
        (999_999, "nine hundred and ninety-nine thousand nine hundred and ninety-nine"),
    ],
)
def test_number_in_words(number: int, words: str) -> None:
    assert number_in_words(number) == words


def test_no_two_numbers_have_the_same_words() -> None:
    assert len({number_in_words(number) for number in range(0, 1_000_000, 37)}) == len(
        range(0, 1_000_000, 37)
    )


def test_numbers_are_different_and_seeded() -> None:
    pairs = numbers(1000, seed=4)
    assert sorted(int(pair.source) for pair in pairs) == list(range(1000))
    assert all(pair.target == number_in_words(int(pair.source)) for pair in pairs)
    assert {(pair.source_language, pair.target_language) for pair in pairs} == {("digits", "words")}
    assert numbers(50, seed=4, largest=999_999) == numbers(50, seed=4, largest=999_999) != numbers(50, seed=5)


def test_written_numbers_are_read_back(tmp_path: Path) -> None:
    digits, words = write_numbers(tmp_path / "new", 20, seed=2)
    assert read_pairs(digits, words, source_language="digits", target_language="words") == numbers(20, seed=2)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="size must be at least 24, got 8"):
        shapes(1, seed=0, size=8)
    for number in (-1, 1_000_000):
        with pytest.raises(ValueError, match=r"number must be in 0\.\.999999"):
            number_in_words(number)
    with pytest.raises(ValueError, match=r"count must be in 0\.\.10 to have no number twice, got 11"):
        numbers(11, seed=0, largest=9)
    with pytest.raises(ValueError, match=r"largest must be in 0\.\.999999"):
        numbers(1, seed=0, largest=1_000_000)

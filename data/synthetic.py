"""Two tasks made of nothing, which models learn in seconds on a processor.

Pictures of shapes with captions teach a captioner, numbers in digits and in words
teach a translator. In both, the input alone decides the output, so that a model
can and should be right every time.
"""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.records import SentencePair

if TYPE_CHECKING:
    from PIL.Image import Image

_SIZES = ("small", "large")
_COLOURS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 70, 220)}
_SHAPES = ("circle", "square", "triangle")
_BACKGROUND = (255, 255, 255)
# The centres of the first and the second shape, as parts of the width and the height.
# Only two relations: "below" and "right of" would be second captions of the same picture.
_RELATIONS = {"above": ((0.5, 0.25), (0.5, 0.75)), "left of": ((0.25, 0.5), (0.75, 0.5))}

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_LARGEST_NUMBER = 999_999


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture, RGB, and the one caption that is true of it."""

    image: "Image"
    caption: str


def shapes(count: int, seed: int, *, size: int = 32) -> list[Drawing]:
    """Draw pairs of shapes, such as "a large red circle above a small blue square".

    The shapes are drawn independently of each other, in a place that varies a
    little; there are 648 captions. The same seed gives the same drawings, and a
    larger count gives the same first ones.

    Args:
        count: How many drawings.
        seed: Seed of all choices.
        size: Width and height in pixels, at least 24.

    Raises:
        ValueError: If ``size`` is too small to tell the shapes apart.
    """
    if size < 24:
        raise ValueError(f"size must be at least 24, got {size!r}")
    generator = random.Random(seed)
    return [_draw(generator, size) for _ in range(count)]


def write_shapes(folder: Path, count: int, seed: int, *, size: int = 32) -> Path:
    """Write `shapes` as PNG files and return the path of their ``captions.tsv``.

    ``data.captions.read_captions(path, folder)`` reads them back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["image\tcaption\n"]
    for number, drawing in enumerate(shapes(count, seed, size=size)):
        name = f"shapes-{number:05}.png"
        drawing.image.save(folder / name)
        lines.append(f"{name}\t{drawing.caption}\n")
    captions = folder / "captions.tsv"
    captions.write_text("".join(lines), encoding="utf-8", newline="\n")
    return captions


def _draw(generator: random.Random, size: int) -> Drawing:
    from PIL import Image

    image = Image.new("RGB", (size, size), _BACKGROUND)
    relation = generator.choice(list(_RELATIONS))
    first, second = (_add_shape(image, place, generator) for place in _RELATIONS[relation])
    return Drawing(image, f"{first} {relation} {second}")


def _add_shape(image: "Image", place: tuple[float, float], generator: random.Random) -> str:
    """Draw a random shape around a place and return its name."""
    from PIL import ImageDraw

    extent, colour, shape = (generator.choice(list(names)) for names in (_SIZES, _COLOURS, _SHAPES))
    radius = image.width * (0.19 if extent == "large" else 0.11)
    x, y = (image.width * (part + generator.uniform(-0.03, 0.03)) for part in place)
    box = (x - radius, y - radius, x + radius, y + radius)
    canvas = ImageDraw.Draw(image)
    if shape == "circle":
        canvas.ellipse(box, fill=_COLOURS[colour])
    elif shape == "square":
        canvas.rectangle(box, fill=_COLOURS[colour])
    else:
        canvas.polygon([(x, box[1]), (box[0], box[3]), (box[2], box[3])], fill=_COLOURS[colour])
    return f"a {extent} {colour} {shape}"


def number_in_words(number: int) -> str:
    """Write a number of 0 to 999,999 in British English: "one thousand and twenty-one".

    Raises:
        ValueError: If the number is outside that range.
    """
    if not 0 <= number <= _LARGEST_NUMBER:
        raise ValueError(f"number must be in 0..{_LARGEST_NUMBER}, got {number!r}")
    if number < 20:
        return _ONES[number] if number < 10 else _TEENS[number - 10]
    if number < 100:
        tens, ones = _TENS[number // 10 - 2], number % 10
        return f"{tens}-{_ONES[ones]}" if ones else tens
    unit, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    words, rest = f"{number_in_words(number // unit)} {name}", number % unit
    if not rest:
        return words
    return f"{words} {'and ' if rest < 100 else ''}{number_in_words(rest)}"


def numbers(count: int, seed: int, *, largest: int = 999) -> list[SentencePair]:
    """Draw different numbers of 0 to ``largest``, in digits and in words.

    The languages are called "digits" and "words". The same seed gives the same
    numbers.

    Raises:
        ValueError: If there are fewer than ``count`` numbers, or ``largest`` is
            more than 999,999.
    """
    if not 0 <= largest <= _LARGEST_NUMBER:
        raise ValueError(f"largest must be in 0..{_LARGEST_NUMBER}, got {largest!r}")
    if not 0 <= count <= largest + 1:
        raise ValueError(f"count must be in 0..{largest + 1} to have no number twice, got {count!r}")
    drawn = random.Random(seed).sample(range(largest + 1), count)
    return [SentencePair(str(number), number_in_words(number), "digits", "words") for number in drawn]


def write_numbers(folder: Path, count: int, seed: int, *, largest: int = 999) -> tuple[Path, Path]:
    """Write `numbers` as two line-aligned files and return the paths of the digits and the words.

    Raises:
        ValueError: As `numbers`.
    """
    pairs = numbers(count, seed, largest=largest)
    folder.mkdir(parents=True, exist_ok=True)
    digits, words = folder / "numbers.digits", folder / "numbers.words"
    digits.write_text("".join(f"{pair.source}\n" for pair in pairs), encoding="utf-8", newline="\n")
    words.write_text("".join(f"{pair.target}\n" for pair in pairs), encoding="utf-8", newline="\n")
    return digits, words

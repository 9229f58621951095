import itertools
from random import Random

import pytest

from common.generation.streaming import count_needed, find_stop, spell, until
from common.tokenizer import Tokenizer

TEXT = "the cat sees — a dog’s bone, 😀 and ¿ mice…\nthe owl "


@pytest.fixture(scope="module", params=["character", "word", "byte-pair"])
def tokenizer(request):
    size = 290 if request.param == "byte-pair" else None
    return Tokenizer.train(request.param, [TEXT], vocabulary_size=size)


@pytest.mark.parametrize("prompt", ["", "the", "the ", "the cat sees — ", "😀"])
def test_spelled_tokens_are_what_they_decode_to(tokenizer, prompt):
    before, random = tokenizer.encode(prompt), Random(3)
    for length in (0, 1, 5, 60):
        # Any tokens: of byte pairs most are no whole character.
        tokens = [random.randrange(4, len(tokenizer)) for _ in range(length)]
        whole = tokenizer.decode([*before, *tokens])[len(tokenizer.decode(before)) :]
        pieces = list(spell(tokenizer, before, tokens))
        assert "".join(pieces) == whole
        assert len(pieces) - length in (0, 1)


def test_a_piece_comes_as_soon_as_its_token(tokenizer):
    asked = []
    ids = tokenizer.encode(TEXT)
    pieces = spell(tokenizer, [], (asked.append(id_) or id_ for id_ in ids))
    text = ""
    for number, piece in enumerate(itertools.islice(pieces, len(ids)), 1):
        assert asked == ids[:number]
        text += piece
        read = tokenizer.decode(ids[:number])
        assert read.startswith(text)
        assert text == read or read.endswith("\ufffd")
    assert text == TEXT


@pytest.mark.parametrize(
    ("text", "stops", "place"),
    [
        ("abc", ["c"], 2),
        ("abc", ["c", "bc", "x"], 1),
        ("abcb", ["b"], 1),
        ("abc", ["d"], None),
        ("a", [], None),
    ],
)
def test_find_stop(text, stops, place):
    assert find_stop(text, stops) == place


def test_until_is_cutting_the_whole_however_it_comes():
    """All texts of two letters, in all ways of cutting them into pieces, with all sorts of stops."""
    random = Random(0)
    short = ["".join(each) for size in (1, 2, 3, 4) for each in itertools.product("ab", repeat=size)]
    for text in map("".join, itertools.product("ab", repeat=7)):
        stops = random.sample(short, random.randrange(4))
        ends = sorted(random.sample(range(8), random.randrange(8)))
        pieces = [text[start:end] for start, end in itertools.pairwise([0, *ends, len(text)])]
        assert "".join(until(pieces, stops)) == text[: find_stop(text, stops)], (pieces, stops)


def test_only_what_may_become_a_stop_is_held_back():
    pieces = iter("the enemy. End")
    given = []
    for piece in until(pieces, ["end", "emu"]):
        given.append(piece)
    assert given == ["t", "h", "", "e ", "", "", "en", "", "emy", *". End", ""]


def test_no_more_is_asked_for_than_is_needed():
    pieces = iter(["one ", "two. ", "three"])
    assert "".join(until(pieces, ["."])) == "one two"
    assert next(pieces) == "three"


@pytest.mark.parametrize(("length", "count"), [(0, 0), (1, 1), (2, 1), (3, 3), (4, 3), (5, 4), (9, 4)])
def test_count_needed(length, count):
    assert count_needed(["ab", "", "cd", "e"], length) == count

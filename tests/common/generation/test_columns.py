import pytest

from common.generation.columns import cells, lay_out, wrap


def test_texts_side_by_side():
    assert lay_out(["one\ntwo", "three\n\n\nfour"], ["first", "second"], 56).split("\n") == [
        "first                        second",
        "--------------------------   ---------------------------"[:-1],
        "one                          three",
        "two",
        "",
        "                             four",
    ]


@pytest.mark.parametrize("width", [None, 20, 54])
def test_texts_one_below_the_other_where_columns_would_be_narrow(width):
    long = "a line that is as long as it is, which nobody breaks whatever the width of the screen"
    assert lay_out([long, "short"], ["first", "other"], width) == (
        f"first\n-----\n{long}\n\nother\n-----\nshort"
    )


@pytest.mark.parametrize("width", [26, 55, 84, 130])
def test_no_line_is_wider_than_the_screen(width):
    text = "some words 日本語の文章です and\n\tunbreakable" + "e\u0301" * 50 + "😀" * 30 + "\n\nend"
    texts = [text] * ((width + 3) // 29)
    lines = lay_out(texts, ["heading"] * len(texts), width).split("\n")
    assert max(map(cells, lines)) <= width
    assert "".join("".join(lines).split()).count("unbreakable") <= len(texts)
    # Nothing is lost.
    (alone,) = [lay_out([text], ["heading"], 26)]
    assert "".join(alone.split()[2:]) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("one two three", ["one two", "three"]),
        ("one two three four", ["one two", "three", "four"]),
        ("incomprehensible", ["incompre", "hensible"]),
        ("an incomprehensible", ["an", "incompre", "hensible"]),
        ("  two\n\n spaces", ["  two", "", " spaces"]),
        ("日本語文章", ["日本語文", "章"]),
        ("e\u0301" * 9, ["e\u0301" * 8, "e\u0301"]),
    ],
)
def test_wrap(text, lines):
    assert wrap(text, 8) == lines

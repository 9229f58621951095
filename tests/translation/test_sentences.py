from random import Random
from textwrap import dedent

import pytest

from translation.sentences import Piece, cut_sentence, split_text

# All that is hard: line ends, marks, capitals and none, accents apart, four-byte signs, control characters.
ALPHABET = [
    *"aAbÉžß1٣ .,;:!?…–-*>#|`~()\"'„“«»&@/\\_①",
    *[
        "\r\n",
        "\n",
        "\r",
        "\t",
        "\u2028",
        "\u0085",
        "\u00a0",
        "\u202f",
        "\u200b",
        "\u200d",
        "\ufe0f",
        "\0",
        "\x1c",
    ],
    *[
        "\u0301",
        "漢",
        "𝔘",
        "\U0010ffff",
        "👩",
        "🇩",
        "🏽",
        "```",
        "~~~",
        "1. ",
        "z. B. ",
        "Dr. ",
        "https://a.b",
        " I",
        "<p>",
        "</b>",
        "**",
        "{x}",
        "](y)",
    ],
]


def random_text(random):
    if random.random() < 0.3:
        codes = [
            random.choice([random.randrange(0xD800), random.randrange(0xE000, 0x110000)]) for _ in range(30)
        ]
        return "".join(map(chr, codes))
    return "".join(random.choices(ALPHABET, k=random.randrange(60)))


def sentences(text, language="en"):
    pieces = split_text(text, language)
    assert "".join(piece.text for piece in pieces) == text
    return [piece.text for piece in pieces if piece.is_sentence]


# "|" stands where a sentence ends; all are on one line.
@pytest.mark.parametrize(
    ("language", "marked"),
    [
        ("en", "Mr. Smith met Dr. J. R. R. Tolkien.| They talked.| Then they left."),
        ("en", "It costs $3.50.| See Fig. 2, e.g. on p. 5.| It opens at 10 a.m. on Jan. 5."),
        ("en", "She lives in the U.S. Embassy.| He lives in the U.S.| The weather is nice."),
        ("en", '"Really?" he asked.| "Yes."| (He left.)| What?!| No...| Well.'),
        ("en", "Is it plan B?| No, plan C.| It is better."),
        ("en", "See https://example.com/a.b?c=D.| It has 3.5 stars.| 20 people like it."),
        ("en", "how are you?| i am fine, e.g. today.| bye"),
        ("en", "I paid 5.| Then 6.| They were in Room No. 5 of Acme Inc. Berlin."),
        ("de", "Am 3. Mai 2026 fand z. B. das 2. Treffen statt.| Es war im 19. Jahrhundert."),
        (
            "de",
            "Prof. Dr. Schmidt hat u. a. bzw. d. h. viel Geld, z.B. 3.50 Euro.| Ludwig XIV. Bourbon starb.",
        ),
        ("de", "„Komm!“, rief er.| „Wohin?“| Sie ging.| »Was?«| »Nichts.«"),
        ("de", "Ich war am 5.| Das war schön.| Wir kaufen Brot usw.| Dann gehen wir."),
        ("de", "Er wohnt in der Hauptstr. 5 bzw. in Nr. 7, s. S. 12.| Heute ist der 12. 5. 2026."),
        ("fr", "« Bonjour ! » dit-il.| « Comment ça va ? »| Il partit.| Vraiment ?| Oui !"),
        ("fr", "M. Martin, p. ex., est né en 50 av. J.-C. à Rome.| Il est là, etc.| Le reste suit."),
        ("fr", "Il a dit : « Viens ! »| J.-P. Sartre est venu.| Quoi ? !| Non."),
        ("cs", "1. května byl např. svátek.| Karel IV. Lucemburský zemřel ve 14. století."),
        ("cs", "Přišel p. Novák, tj. můj soused z ul. Dlouhá č. 5.| Stalo se to 12. 5. 2026."),
        ("cs", "„Pojď sem!“ řekl.| Máme chléb atd.| Potom šli domů.| V roce 1990.| Bylo to tzv. Jaro."),
        ("en", "P.S. I love you.| Sincerely, Jane Smith, Ph.D."),
        ("xx", "One two.| Three J. Smith."),
    ],
)
def test_sentences_of_a_line(language, marked):
    expected = [part.strip() for part in marked.split("|")]
    assert sentences(marked.replace("|", ""), language) == expected


@pytest.mark.parametrize(
    "bullet", ["- ", "* ", "• ", "1. ", "12) ", "a) ", "(b) ", "> ", ">> - ", "## ", "- [x] ", "\t– "]
)
def test_marks_before_a_sentence_stay(bullet):
    text = f"  {bullet}Milk, 2 l.\r\n\r\n{bullet}Bread"
    expected = [
        Piece(f"  {bullet}", False),
        Piece("Milk, 2 l.", True),
        Piece(f"\r\n\r\n{bullet}", False),
        Piece("Bread", True),
    ]
    assert split_text(text, "en") == expected


@pytest.mark.parametrize(("line", "language"), [("1. Mai ist Feiertag", "de"), ("5. května je svátek", "cs")])
def test_a_date_is_no_number_of_a_list(line, language):
    assert sentences(line, language) == [line]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t \r\n\u2028",
        "-----\n***\n",
        "12:30",
        "🎉 👩‍👩‍👧 🇩🇪!",
        "https://a.example/B",
        "> me@x.example",
        "```\nint main;\n```",
        "~~~ python\r\nx = 'It is.'\r\n~~~",
        "| 1 | 2 |\n|---|---|",
        "`make test`",
        "../x.py",
        "#love",
    ],
)
def test_nothing_to_translate(text):
    assert sentences(text) == []


def test_emoji_around_a_sentence_stay():
    assert sentences("✅ Done! 🎉 See you 👋🏽\n👉 I ❤️ you") == ["Done!", "See you", "I ❤️ you"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>One man.</p>", ["One man."]),
        ("<li>One<br/>two</li><li>three", ["One", "two", "three"]),
        ("One <b>man</b> and <i>two</i>", ["One <b>man</b> and <i>two"]),
        ("<b>One.</b> <i>Two.</i>", ["One.", "Two."]),
        ("One.</p> <p>two", ["One.", "two"]),
        ("**One** man. [Two](x.org)", ["One** man.", "Two"]),
        ("{name} is here", ["{name} is here"]),
        ('<script type="x">my("code");</script> One', ["One"]),
        ("<!DOCTYPE html> {name}, %s &amp; `code`", []),
    ],
)
def test_markup_around_a_sentence_stays(text, expected):
    assert sentences(text) == expected


def test_cells_are_sentences_of_their_own():
    assert sentences("Name\tAge of it\n| First one | 2 | A second. A third. |\nthis | that") == [
        *["Name", "Age of it", "First one", "A second.", "A third.", "this | that"]
    ]


def test_a_document():
    text = dedent(
        """\
        # My tool

        It does *much*. See <https://x.example>.

        ```
        $ tool Run. It works.
        ```
        1. Install it!
           Then run `tool`. Done

        > Great tool. I like it.
        """
    )
    expected = [
        "My tool",
        "It does *much*.",
        "See <https://x.example>.",
        "Install it!",
        "Then run `tool`.",
        "Done",
    ]
    assert sentences(text) == [*expected, "Great tool.", "I like it."]


def test_an_open_fence_hides_nothing():
    assert sentences("```\nOne. Two.") == ["One.", "Two."]


@pytest.mark.parametrize("language", ["en", "de", "fr", "cs", "xx"])
def test_any_text_comes_back(language):
    random = Random(language)
    for _ in range(300):
        text = random_text(random)
        pieces = split_text(text, language)
        assert "".join(piece.text for piece in pieces) == text
        assert all(piece.text for piece in pieces)
        for piece in pieces:
            if piece.is_sentence:
                assert piece.text == piece.text.strip()
                assert len(piece.text.splitlines()) == 1
                assert any(map(str.isalpha, piece.text))


def test_a_sentence_that_fits_is_not_cut():
    assert cut_sentence("One, two; three.", lambda text: True) == [Piece("One, two; three.", True)]


@pytest.mark.parametrize(
    ("sentence", "limit", "expected"),
    [
        ("one two, three four; five six, seven", 25, ["one two, three four;", "five six, seven"]),
        ("one two three, four five six", 20, ["one two three,", "four five six"]),
        ("at 10:30 or 1,5 it is", 15, ["at 10:30", "or 1,5 it is"]),
        ("one two three four", 10, ["one two", "three four"]),
        ("abcdefgh", 3, ["ab", "cd", "ef", "gh"]),
        ("a, bcdefghijklmnop qrstuv", 20, ["a, bcdefghijklmnop", "qrstuv"]),
        ("ee\u0301e", 3, ["ee\u0301", "e"]),
        ("一" * 8, 4, ["一" * 4] * 2),
    ],
)
def test_cuts(sentence, limit, expected):
    pieces = cut_sentence(sentence, lambda text: len(text) <= limit)
    assert [piece.text for piece in pieces if piece.is_sentence] == expected


def test_cut_texts_come_back_and_fit():
    random = Random(3)
    for _ in range(300):
        text, limit = random_text(random), random.randrange(12)
        pieces = cut_sentence(text, lambda text, limit=limit: len(text.encode()) <= limit)
        assert "".join(piece.text for piece in pieces) == text
        assert all(len(piece.text.encode()) <= limit for piece in pieces if piece.is_sentence)


@pytest.mark.parametrize("unit", ["a", "a, ", "Ab. ", "!", "\u0301", "https://", "` ", "<p ", "**a", "[a"])
def test_long_lines_take_no_longer_than_their_length(unit):
    text = unit * (20_000 // len(unit))
    counted = []

    def fits(text):
        counted.append(len(text))
        return len(text) < 300

    assert "".join(piece.text for piece in split_text(text, "en")) == text
    assert "".join(piece.text for piece in cut_sentence(text, fits)) == text
    # Each level of cutting reads the text once, and a piece is at most three quarters of its whole.
    assert sum(counted) < 25 * len(text)

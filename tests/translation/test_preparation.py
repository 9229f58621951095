import string
import unicodedata
from random import Random

import pytest

from translation.placeholders import PLACEHOLDERS
from translation.preparation import Knowledge, Prepared, prepare
from translation.typography import closed_alike

WORDS = frozenset(
    """
    a and At best boil Call came Das der Die Egg egg FC for here How I in ist it Il est le love Mai man Mary
    met model my NATO now on open or paid said see Step the The This Tom to use user was way with Write you
    """.split()  # noqa: SIM905
)
CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation + "äöüÄÖÜßéèàçêÉžščřů«»%€")
CHARACTERS = CHARACTERS - frozenset("*")


def usual(word):
    return word if word in WORDS or word.capitalize() not in WORDS else word.capitalize()


def of(sentence):
    return prepare(sentence, Knowledge(WORDS.__contains__, {"Peter", "Mai"}.__contains__, usual, CHARACTERS))


# What is between braces is carried over.
@pytest.mark.parametrize(
    "marked",
    [
        "See {https://example.com/a_(b)?c=1.2}, or write to {john.doe+x@mail.example.com}.",
        "It is ({www.example.org}) or {docs.example.com/x/}!",
        "I love {#MeToo}, {@tom_s} said; {#2026}.",
        "Open {/usr/bin/x}, {~/notes.txt}, {./run}, {src/main.py}, {README.md} or {C:\\Users\\me\\a.txt}.",
        "Use {snake_case}, {call_me()}, {CamelCase}, {iPhone}, {B2B}-model, {x86}, {MP3}, {4K} and {`a  b`}.",
        "The {COVID-19} and {UTF-8} model, {v1.2.3}.",
        f"It is {{{'ha' * 20 + 'a'}}}, and not {'ha' * 20}.",
        "I paid {$20}, {20 €}, {5%}, {50 %} and {1,000.50}; on {12.05.2026} at {10:30}, {3/4} of it.",
        "Die {1.000,50} und {10 000}, {-12°C}, {2–3}, {10-15}, am {12. 5. 2026} und {13}. {Mai}.",
        "It is {2 m} or {1,5 km²} long, {3.5 kg}, {100 km/h}; 5 l'eau, 3 men, {20 °C}, {16 GB}.",
        "Call {+49 (0)30 123456}, {06 12 34 56 78}, {(555) 123-4567} or {+420 777 123 456} now.",
        "This is the 1st, the {20}th, the {1960}s; {10km}, {5kg} and/or 2 men and {12} women, no. 5.",
        "I love you {❤️👍🏽} and {👩‍👩‍👧 🇩🇪} and it {🏴󠁧󠁢󠁥󠁮󠁧󠁿}.",
        "Step {①} and {②③} now.",
        "I met {Agnieszka Kowalczyk-Brzęk} in {Szczebrzeszyn} with Tom and Mary, O'{Brien}'s man.",
        "{Agnieszka Kowalczyk} came.",
        "Perambulating is it.",
        "{Peter} and Mary met {Peter Kowalczyk}; {Peter}'s egg is for {Mai}.",
        "How to Boil the Best Egg with NATO",
        "I said {Привет мир}, {漢字} and {Łódź}, {e̋a}.",
        "the way {†} it {**} and {***} it",
        "a {11} b {12} c {13} d {14} e {15} f {16} or {17} h {18} i {19} j 20 k 21",
    ],
)
def test_what_is_carried(marked):
    items = tuple(part.partition("}")[0] for part in marked.split("{")[1:])
    prepared = of(marked.replace("{", "").replace("}", ""))
    assert prepared.carried == items
    text = marked
    for placeholder, item in zip(PLACEHOLDERS, items, strict=False):
        text = text.replace("{" + item + "}", placeholder, 1)
    assert prepared.text == text
    assert prepared.finish(prepared.text) == marked.replace("{", "").replace("}", "")


@pytest.mark.parametrize(
    ("sentence", "text", "carried"),
    [
        ("<b>The best</b> egg.", "① The best ② egg.", ("<b>", "</b>")),
        ('the <a href="x?y">best</a>way', "the ① best ② way", ('<a href="x?y">', "</a>")),
        ("the <code>best egg</code> way", "the ① way", ("<code>best egg</code>",)),
        ("a <= b and b>a->b", "a ① b and b ② a ③ b", ("<=", ">", "->")),
        ("Tom & Mary=at+best; it\\way @ I^2 is | my `it", None, ("&", "=", "+", "\\", "@", "^", "|", "`")),
        ("in&nbsp;it &amp; at &#8364;;", "in ① it ② at ③;", ("&nbsp;", "&amp;", "&#8364;")),
        (
            "{name}, use ${x.y} or {{ a|b }} {0}s",
            "①, use ② or ③ ④ s",
            ("{name}", "${x.y}", "{{ a|b }}", "{0}"),
        ),
        ("{ my egg} and {{{x}}}", "{ my egg} and {{{x}}}", ()),
        ("%s met %(name)s at 5%, %%", "① met ② at ③, %%", ("%s", "%(name)s", "5%")),
        ("egg\\nway", "egg ① way", ("\\n",)),
        ("the **best** way", "the ① best ② way", ("**", "**")),
        ("the *best*, __best__ and ~~best~~ way", "the ① best ②, ③ best ④ and ⑤ best ⑥ way", None),
        ("_the_ snake_case", "① the ② ③", ("_", "_", "snake_case")),
        ("5 * 3 eggs*", "5 ① 3 eggs ②", ("*", "*")),
        ("[the way](https://x.org/a_(b)) to", "① the way ② to", ("[", "](https://x.org/a_(b))")),
        ("![egg](a.png) and [it]", "① egg ② and [it]", ("![", "](a.png)")),
        ("<b><i>Tom Kowalczyk</i></b> met <me@x.org>", "① Tom ② met ③", None),
    ],
)
def test_markup_and_signs(sentence, text, carried):
    """What it touched it touches again; to the model it is a word."""
    prepared = of(sentence)
    assert text is None or prepared.text == text
    assert carried is None or prepared.carried == carried
    assert prepared.finish(prepared.text) == sentence


def test_markup_touches_other_words_of_the_translation():
    assert of("the <b>best</b> egg").finish("das ② Ei ① gut") == "das</b> Ei <b>gut"
    assert of("the <b>best</b> egg").finish("das ① Ei") == "das <b>Ei</b>"


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("“It’s” ‘my’ „way“ don´t", "\"It's\" 'my' \"way\" don't"),
        ("a\u00a0b\u202f?  c\u2009\td", "a b ? c d"),
        ("a\u200bb\u00adc\ufeff", "abc"),
        ("cafe\u0301 e\u200d", "café e"),
        ("it\u2011is … now", "it-is ... now"),
        ("« oui » – ", "« oui » ①"),
    ],
)
def test_typography(sentence, text):
    assert of(sentence).text == text


@pytest.mark.parametrize(
    ("sentence", "text", "is_upper"),
    [
        ("ICH LIEBE DICH, SIEHE www.example.com!", "Ich liebe dich, siehe ①!", True),
        ('"HELLO"', '"Hello"', True),
        ("LOVE IT", "Love it", True),
        ("KOWALCZYK UND 12 MÄNNER", "Kowalczyk und ① männer", True),
        ("THE EGG MARY MET TOM WITH IN MAI", "The egg Mary met Tom with in Mai", True),
        ("NATO", "NATO", False),
        ("U.S.A.", "U.S.A.", False),
        ("I love NATO", "I love NATO", False),
        ("12 34 !", "① ② !", False),
        ("ПРИВЕТ МИР", "①", True),
    ],
)
def test_capitals(sentence, text, is_upper):
    prepared = of(sentence)
    assert (prepared.text, prepared.upper) == (text, is_upper)
    assert prepared.finish(prepared.text) == sentence


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("The Man With the Best Egg", "The man with the best egg"),
        ('"How I Met Tom and Mary"', '"How I met Tom and Mary"'),
        ("How I met the Best Man", "How I met the Best Man"),  # no more than half of the words
        ("How perfectly The Man Met Mary", "How perfectly The Man Met Mary"),  # a long small one
        ("Best Man Now", "Best Man Now"),  # too few to tell
    ],
)
def test_headings_are_written_as_usual(sentence, text):
    prepared = of(sentence)
    assert (prepared.text, prepared.upper) == (text, False)


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("I met THE USER here", "I met the user here"),
        ("USE THE way, Tom", "Use the way, Tom"),
        ('"NEVER", he said', '"NEVER", he said'),
        ("I met Tom, HERE AND NOW!", "I met Tom, here and now!"),
        ("How to boil NATO and FC", "How to boil NATO and FC"),  # too short for what is stressed
        ("the BEST WAY", "the best way"),
    ],
)
def test_known_words_stressed_by_capitals_are_written_as_usual(sentence, text):
    prepared = of(sentence)
    assert (prepared.text, prepared.upper) == (text, False)


def test_what_is_carried_keeps_its_small_letters():
    assert (
        of("SEE https://example.com/a NOW").finish("siehe ① für straße")
        == "SIEHE https://example.com/a FÜR STRASSE"
    )


@pytest.mark.parametrize(
    ("written", "closed"),
    [
        ('Er rief: "halt“!', 'Er rief: "halt"!'),
        ('Er rief: „halt"!', "Er rief: „halt“!"),
        ('Il cria : « halte", « là »', "Il cria : « halte », « là »"),
        ("Il cria : «halte»", "Il cria : «halte»"),
        ('Il cria : « halte"', "Il cria : « halte »"),
        ('"a” and "b" and "c', '"a" and "b" and "c'),
        ("a“ b” c»", "a“ b” c»"),  # never opened
        ('« le "tri" »', '« le "tri" »'),
        ("", ""),
    ],
)
def test_quotations_are_closed_as_they_were_opened(written, closed):
    assert closed_alike(written) == closed
    # Given out as it is written, nothing has to be taken back.
    assert all(closed.startswith(closed_alike(written[:end])) for end in range(len(written)))
    assert Prepared("", (), False).finish(written) == closed.rstrip()


@pytest.mark.parametrize(
    ("source", "written", "ended"),
    [
        ("Two dogs", "Zwei Hunde.", "Zwei Hunde"),
        ("The ①", "Das Ei.", "Das Ei Ann"),
        ("Two dogs.", "Zwei Hunde.", "Zwei Hunde."),
        ("Two dogs!", "Zwei Hunde.", "Zwei Hunde."),
        ("Two dogs, cats etc", "Zwei Hunde, Katzen usw.", "Zwei Hunde, Katzen usw."),
        ("at ten", "um 10 a.m.", "um 10 a.m."),
        ("Two dogs", "Zwei Hunde...", "Zwei Hunde..."),
        ("Two dogs", "Zwei Hunde?", "Zwei Hunde?"),
        ("Two dogs", "„Zwei Hunde.“", "„Zwei Hunde.“"),
        ("on the 3rd", "am 3.", "am 3."),
        ("", ".", "."),
    ],
)
def test_no_full_stop_is_added(source, written, ended):
    assert Prepared(source, ("Ann",) if "①" in source else (), False).finish(written) == ended


TWO = Prepared("① and ②.", ("Ann", "10%"), False)


@pytest.mark.parametrize(
    ("translation", "finished", "is_intact"),
    [
        ("② und ①.", "10% und Ann.", True),
        ("① und.", "Ann und 10%.", False),
        ("Und ?", "Und Ann 10% ?", False),
        ("Sie sagte: „ja.“", "Sie sagte: „ja Ann 10%.“", False),
        ("", "Ann 10%", False),
        ("① und ② und ①!", "Ann und 10% und!", False),
        ("③ ① und ④, ②", "Ann und, 10%", False),
        ("①②⑨", "Ann10%", False),
    ],
)
def test_finish(translation, finished, is_intact):
    assert TWO.finish(translation) == finished
    assert TWO.is_intact(translation) == is_intact


def test_circled_digits_past_the_ninth_item_become_digits():
    prepared = of("a 11 b 12 c 13 d 14 e 15 f 16 g 17 h 18 i 19 j ⑦")
    assert prepared.finish(prepared.text).endswith("19 j 7")


def test_whether_anything_is_left_to_translate():
    assert of("I love https://example.com").has_words
    assert not of("Привет, 12 5!").has_words


ALPHABET = [
    *[
        "the ",
        "Tom ",
        "Kowalczyk ",
        "it",
        "IT IS ",
        "12",
        "5",
        "%",
        ".",
        ",",
        "?",
        "!",
        " ",
        "  ",
        "-",
        "'",
        "’",
        "“",
        "…",
    ],
    *[
        "https://x.example/a_b",
        "me@x.example",
        "#",
        "@",
        "/",
        "_",
        "`",
        "\u00a0",
        "\u00ad",
        "\u200d",
        "\ufe0f",
        "\u0301",
    ],
    *[
        "👩",
        "🏽",
        "🇩",
        "🇪",
        "漢",
        "ß",
        "É",
        "Ł",
        "𝔘",
        "\0",
        "\x7f",
        "\U0010fffd",
        *PLACEHOLDERS[:3],
        "٣",
        "²",
        "½",
        "\u20e3",
    ],
    *["<b>", "</b>", "**", "{x}", "[", "](y)", "%s", "&amp;", "~~"],
]


def folded(text):
    """A text without the differences that preparing makes."""
    for other, plain in {"’": "'", "“": '"', "…": "..."}.items():
        text = text.replace(other, plain)
    text = unicodedata.normalize("NFC", text.replace("\u00ad", ""))
    digits = {ord(placeholder): str(number) for number, placeholder in enumerate(PLACEHOLDERS, start=1)}
    text = text.translate(digits | dict.fromkeys(map(ord, "\u200d\ufe0f")))
    return " ".join(text.casefold().split())


def test_random_sentences_come_back_and_no_placeholder_is_left():
    random = Random(5)
    for _ in range(1000):
        sentence = "".join(random.choices(ALPHABET, k=random.randrange(25))).strip()
        prepared = of(sentence)
        assert prepared.is_intact(prepared.text)
        assert folded(prepared.finish(prepared.text)) == folded(sentence)
        written = "".join(
            random.choices([*PLACEHOLDERS, "wort", " ", ".", "ß", "\n"], k=random.randrange(25))
        )
        finished = prepared.finish(written)
        own = "".join(prepared.carried)
        assert all(finished.count(placeholder) == own.count(placeholder) for placeholder in PLACEHOLDERS)
        assert all(finished.count(item) for item in prepared.carried)
        for end in range(len(written) + 1):
            assert finished.startswith(prepared.begin(written[:end]))


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "!",
        "a-",
        "a.",
        "a/",
        "12 ",
        "https://",
        "@a",
        "(",
        "` ",
        "😀",
        "<a ",
        "[a",
        "{{a",
        "**",
        "](",
        "&a",
        "$",
    ],
)
def test_long_sentences_do_not_hang(unit):
    sentence = (unit * (10_000 // len(unit))).strip()
    prepared = of(sentence)
    assert folded(prepared.finish(prepared.text)) == folded(sentence)

import re
from random import Random

import pytest

from translation.preparation import PLACEHOLDERS
from translation.verbatim import EMOJI, INLINE, LITERAL, MARKUP, NUMBER, is_ordinary

ANY = re.compile(rf"{MARKUP}|{INLINE}|{LITERAL}|{NUMBER}|{EMOJI}|[{PLACEHOLDERS}]")
PARTS = [
    *(
        "www",
        "com",
        "e.g",
        "A",
        "z",
        "ß",
        "É",
        "ÿ",
        "Ø",
        "ℹ",
        "™",
        "€",
        "①",
        "x.py",
        "snake",
        "http",
        "--",
        "->",
    ),
    *" .,;?!'’\"„“”«»-_*/:@#%&<>()[]{}`~\\=+|^°…–—\t\n\u00a0\u0301\u20e3",
    *"019²½",
]


@pytest.mark.parametrize("seed", range(20))
def test_no_pattern_matches_in_an_ordinary_text(seed):
    random = Random(seed)
    # Of few kinds of parts at a time, so that many of the texts are ordinary.
    some = [*random.sample(PARTS, 3), *"aB .-'"]
    texts = ["".join(random.choices(some, k=random.randint(1, 12))) for _ in range(3000)]
    ordinary = [text for text in texts if is_ordinary(text)]
    assert len(ordinary) > 100
    assert [text for text in ordinary if ANY.search(text)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ein Hund läuft durch den Schnee.", True),
        ("« Vraiment ? »", True),
        ("Who said “no”? I didn't, well-known Dr. Who!", True),
        ("", True),
        ("See www.example.org.", False),
        ("two 2", False),
        ("a_b", False),
        ("Anna & Co.", False),
        ("smile 😀", False),
        ("two\nlines", False),
    ],
)
def test_ordinary_texts(text, expected):
    assert is_ordinary(text) is expected

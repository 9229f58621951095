import re

import pytest

from common.errors import InputError
from translation.glossary import Glossary


def test_of_a_file(tmp_path):
    path = tmp_path / "glossary.tsv"
    path.write_text("Cotton\tBaumwolle\n\nice  cream\tEis\r\n", encoding="utf-8")
    assert Glossary.read(path).translated("cotton, ICE CREAM") == "Baumwolle, Eis"


@pytest.mark.parametrize(
    ("text", "message"), [("a\tb\tc", "line 1"), ("only", "line 1"), ("", "has no sentence pairs")]
)
def test_what_is_no_glossary(tmp_path, text, message):
    path = tmp_path / "glossary.tsv"
    path.write_text(f"{text}\n")
    with pytest.raises(InputError, match=f"glossary.tsv.*{re.escape(message)}"):
        Glossary.read(path)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"glossary\.tsv does not exist"):
        Glossary.read(tmp_path / "glossary.tsv")


TERMS = {
    "cotton": "Baumwolle",
    "Ice Cream": "Eis",
    "ice cream van": "Eiswagen",
    "l'eau": "water",
    "R2-D2": "Robbi",
    "C++": "Ze",
    "e\u0301t\u00e9": "summer",
    "example.org": "beispiel.de",
}


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("Cotton and COTTON-cotton.", "Baumwolle and Baumwolle-Baumwolle."),
        ("cottons, xcotton, cotton_x and cotton2", "cottons, xcotton, cotton_x and cotton2"),
        ("the ice\u00a0 cream  van's ice cream", "the Eiswagen's Eis"),
        ("l’eau, l'eau", "water, water"),
        ("R2-D2 knows C++; r2-d2", "Robbi knows Ze; Robbi"),
        ("\u00e9te\u0301", "summer"),
        ("{Cotton}", "{Baumwolle}"),
        # No term stands in an address.
        ("https://cotton.org/cotton cotton.org me@cotton @cotton", None),
        ("see example.org, not example.org/x", "see beispiel.de, not example.org/x"),
        ("", None),
    ],
)
def test_terms(text, translated):
    assert Glossary(TERMS).translated(text) == (text if translated is None else translated)


def test_terms_are_marked_by_characters_that_are_not_in_the_sentence():
    sentence = "\U00100000 Cotton, ice cream \U00100001"
    marked, translations = Glossary(TERMS).marked(sentence)
    first, second = map(chr, translations)
    assert marked == f"\U00100000 {first}, {second} \U00100001"
    assert marked.translate(translations) == "\U00100000 Baumwolle, Eis \U00100001"


def test_none():
    assert Glossary().marked("Cotton") == ("Cotton", {})

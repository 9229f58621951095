import re

import pytest

from common.errors import InputError
from translation.glossary import as_given, read_glossary


def test_words_and_their_translations(tmp_path):
    path = tmp_path / "glossary.tsv"
    path.write_text("Cotton\tBaumwolle\n\nSTRASSE\true du Bac\r\n", encoding="utf-8")
    assert read_glossary(path) == {"cotton": "Baumwolle", "strasse": "rue du Bac"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("two words\tx", "'two words' is not one word of letters; give one, and its"),
        ("R2D2\tx", "'R2D2' is not one word of letters"),
        ("a\tb\tc", "line 1"),
        ("only", "line 1"),
        ("", "has no sentence pairs"),
    ],
)
def test_what_is_no_glossary(tmp_path, text, message):
    path = tmp_path / "glossary.tsv"
    path.write_text(f"{text}\n")
    with pytest.raises(InputError, match=f"glossary.tsv.*{re.escape(message)}"):
        read_glossary(path)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"glossary\.tsv does not exist"):
        read_glossary(tmp_path / "glossary.tsv")


@pytest.mark.parametrize(
    ("carried", "given"),
    [
        ("Cotton", "Baumwolle"),
        ("Peter Cotton-COTTON", "Peter Baumwolle-Baumwolle"),
        ("cotton.org/cotton", "cotton.org/cotton"),
        ("cottons", "cottons"),
        ("{Cotton}", "{Baumwolle}"),
        ("me@cotton", "me@cotton"),
        ("12", "12"),
    ],
)
def test_of_what_is_carried_over_words_are_translated(carried, given):
    assert as_given(carried, {"cotton": "Baumwolle"}) == given

import re

import pytest

from common.errors import InputError
from translation.dictionary import Dictionary
from translation.glossary import read_glossary, with_glossary


def test_words_and_their_translations(tmp_path):
    path = tmp_path / "glossary.tsv"
    path.write_text("Cotton\tBaumwolle\n\nSTRASSE\true du Bac\r\n", encoding="utf-8")
    assert read_glossary(path) == {"cotton": "Baumwolle", "strasse": "rue du Bac"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("two words\tx", "'two words' is not one word of letters; give one word and its"),
        ("R2D2\tx", "'R2D2' is not one word of letters"),
        ("a\t{b}", "'{b}', for 'a', has braces in it; leave them out"),
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


def test_it_is_for_each_language_that_may_be_read():
    mine = with_glossary(Dictionary({"en-fr": {"a": "b"}}), ["en", "de"], "fr", {"c": "d"})
    assert mine.of("en", "fr") == {"a": "b", "c": "d"}
    assert mine.of("de", "fr") == mine.own("de", "fr") == {"c": "d"}


def test_a_model_without_hints():
    with pytest.raises(InputError, match=r"has not learned to follow a glossary; train it with model\.dict"):
        with_glossary(Dictionary(), ["en"], "fr", {"c": "d"})

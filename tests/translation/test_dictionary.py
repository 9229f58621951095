import stat
from zipfile import ZipFile

import pytest

from common.errors import InputError
from translation.dictionary import FILE, Dictionary, hinted, outside_hints, without_hints, words_of

WORDS = {"cotton": "coton", "ballet": "Ballett", "straße": "rue"}
DIRECTIONS = {"en-fr": WORDS, "fr-en": {"coton": "cotton", "l": "the"}}


def test_words_are_made_of_letters():
    text = "L'eau: 12 garçons, Straßenbahn_2 ①"
    assert [word[0] for word in words_of(text)] == ["L", "eau", "garçons", "Straßenbahn"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cotton, or cotton?", "Cotton{ coton}, or cotton{ coton}?"),
        ("a BALLET-Straße", "a BALLET{ Ballett}-Straße{ rue}"),
        ("cottons Cottonball ①cotton", "cottons Cottonball ①cotton{ coton}"),
        ("", ""),
        ("nothing of it", "nothing of it"),
    ],
)
def test_hints_stand_behind_whole_words_and_can_be_taken_away(text, expected):
    assert hinted(text, WORDS) == expected
    assert without_hints(expected) == text
    assert hinted(text, {}) == text


def test_what_is_outside_of_hints_can_be_changed():
    assert outside_hints("A Ballet{ Ballett} OF ①", str.lower) == "a ballet{ Ballett} of ①"
    assert outside_hints("{ A}B{ C}", str.lower) == "{ A}b{ C}"
    assert outside_hints("", str.lower) == ""


def test_fields_that_a_program_fills_in_are_no_hints():
    assert without_hints("See {NAME} in Ballet{ Ballett}") == "See {NAME} in Ballet"
    assert outside_hints("See {NAME}", str.lower) == "see {name}"


def test_saved_and_loaded(tmp_path):
    Dictionary(DIRECTIONS).save(tmp_path)
    loaded = Dictionary.load(tmp_path)
    assert loaded
    assert loaded.directions() == ["en-fr", "fr-en"]
    assert len(loaded) == 5
    assert {name: dict(loaded.of(*name.split("-"))) for name in loaded.directions()} == DIRECTIONS
    assert loaded.of("de", "en") == {}
    (tmp_path / "again").mkdir()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / FILE).read_bytes() == (tmp_path / FILE).read_bytes()


def test_anybody_can_read_and_change_it(tmp_path):
    Dictionary(DIRECTIONS).save(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) & 0o444 == 0o444
    with ZipFile(tmp_path / FILE) as file:
        assert file.read("fr-en.tsv").decode() == "coton\tcotton\nl\tthe\n"
    with ZipFile(tmp_path / FILE, "w") as file:
        file.writestr("en-fr.tsv", "cotton\tcoton hydrophile\r\n")
    assert Dictionary.load(tmp_path).of("en", "fr") == {"cotton": "coton hydrophile"}


def test_there_need_be_none(tmp_path):
    Dictionary().save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    loaded = Dictionary.load(tmp_path)
    assert not loaded
    assert loaded.directions() == []
    assert loaded.of("en", "fr") == {}


@pytest.mark.parametrize("damage", [lambda data: data[:-30], lambda data: b"PK" + bytes(len(data) - 2)])
def test_damaged(tmp_path, damage):
    Dictionary(DIRECTIONS).save(tmp_path)
    path = tmp_path / FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"dictionary\.zip: damaged; copy the model again"):
        Dictionary.load(tmp_path)


def test_a_line_that_is_none(tmp_path):
    with ZipFile(tmp_path / FILE, "w") as file:
        file.writestr("en-fr.tsv", "cotton\tcoton\ncotton\n")
    with pytest.raises(
        InputError, match=r"dictionary\.zip, en-fr\.tsv, line 2: expected WORD<TAB>TRANSLATION"
    ):
        Dictionary.load(tmp_path).of("en", "fr")


def test_a_direction_that_is_damaged_is_found_out_when_it_is_read(tmp_path):
    Dictionary(DIRECTIONS | {"en-de": {f"word{number}": f"Wort{number}" for number in range(99)}}).save(
        tmp_path
    )
    path = tmp_path / FILE
    data = bytearray(path.read_bytes())
    data[60:70] = bytes(10)
    path.write_bytes(data)
    loaded = Dictionary.load(tmp_path)
    with pytest.raises(InputError, match=r"dictionary\.zip: damaged; copy the model again"):
        loaded.of("en", "de")
    assert loaded.of("en", "fr") == WORDS

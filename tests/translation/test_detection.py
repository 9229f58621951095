from random import Random

import pytest

from common.errors import InputError
from translation.detection import Detection


def test_languages_are_told_apart(learned, artificial_pair):
    random = Random(7)
    pairs = [artificial_pair(random) for _ in range(100)]
    for side, language in enumerate(("xa", "yb")):
        found = learned.detect([pair[side] for pair in pairs])
        assert sum(each.language == language for each in found) >= 90
        assert all(0.5 <= each.probability <= 1 for each in found)


@pytest.mark.parametrize("text", ["", " \n", "2012", "12.5 % (3:4) - !?", "😀👍", "१२३", "_"])
def test_without_letters_there_is_no_language(learned, text):
    first, other, last = learned.detect([text, "Lom mir tas.", text], alike=True)
    assert first == last == Detection("", 0.0)
    assert other.language == "xa"
    assert learned.detect([text]) == [Detection("", 0.0)]


def test_no_texts(learned):
    assert learned.detect([]) == learned.detect([], alike=True) == []


def test_each_by_itself_unless_they_are_alike(learned):
    texts = ["Lom mir tas rul.", "Dag", "Rul kes sor lut mok lom mir.", "12", "Tas rul mok."]
    together = learned.detect(texts)
    for text, found in zip(texts, together, strict=True):
        (alone,) = learned.detect([text])
        assert alone.language == found.language
        assert alone.probability == pytest.approx(found.probability, abs=1e-4)
        (like_itself,) = learned.detect([text], alike=True)
        assert like_itself.language == found.language
        assert like_itself.probability == pytest.approx(found.probability, abs=1e-4)


def test_a_doubtful_text_is_read_in_the_light_of_the_others(learned):
    """Letters of no known word among sentences of one language, and of the other."""
    for language, company in (("xa", "Rul kes sor lut mok lom mir."), ("yb", "Hud gop vat jep wib dag fep.")):
        assert learned.detect([company])[0].language == language
        doubtful = learned.detect(["Qu"])[0]
        found = learned.detect(["Qu", *[company] * 9], alike=True)[0]
        share = doubtful.probability if doubtful.language == language else 1 - doubtful.probability
        now = found.probability if found.language == language else 1 - found.probability
        assert now > share


def test_a_text_that_is_sure_stays_so_among_others(learned, artificial_pair):
    random = Random(3)
    texts = [artificial_pair(random)[1] for _ in range(30)]
    surest = max(zip(texts, learned.detect(texts), strict=True), key=lambda each: each[1].probability)[0]
    others = ["Lom mir tas rul kes."] * 3
    assert learned.detect([surest, *others], alike=True)[0].language == "yb"


def test_a_long_text_is_known_by_its_beginning(learned):
    (short,) = learned.detect(["lom mir tas " * 16])
    assert learned.detect(["lom mir tas " * 16 + "Dag fep! " * 10_000]) == [short]


def test_what_is_no_valid_unicode(learned):
    with pytest.raises(InputError, match="text must be UTF-8"):
        learned.detect(["Lom \ud800"])

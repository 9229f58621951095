import pytest

from common.constraints import Constraints
from common.errors import InputError
from common.sampling import GREEDY, Sampling
from common.search import Beam
from translation.decoding import Decoding
from translation.explaining import explain_sentences, explain_texts
from translation.explanation import by_words

GREEDILY = Decoding(GREEDY)


def words_of(pieces):
    return "".join(pieces).strip()


@pytest.mark.parametrize("how", [GREEDILY, Decoding(Beam(3)), Decoding(Sampling(2.0, seed=4))])
def test_each_sentence_that_is_translated_is_explained(learned, how):
    texts = ["Lom mir. Tas 2012 rul!\n\n- Kes", "2012", "Mok lut."]
    explanations = explain_texts(learned, texts, "xa", "yb", how)
    assert [words_of(each.source) for each in explanations] == [
        "Lom mir.<eos>",
        "Tas 2012 rul!<eos>",
        "Kes<eos>",
        "Mok lut.<eos>",
    ]
    results = learned.translate(texts, "xa", "yb", how.strategy)
    shown = " ".join(words_of(each.choices.pieces).removesuffix("<eos>") for each in explanations)
    assert (
        shown.split()
        == " ".join(result.text.replace("- ", "") for result in results if result.tokens).split()
    )
    for each in explanations:
        assert (each.source_language, each.target_language) == ("xa", "yb")
        assert all(sum(row) == pytest.approx(1, abs=1e-5) for row in each.attention)
        assert all(0 <= probability <= 1.00001 for probability in each.choices.probabilities)


def test_a_word_looks_at_its_source(learned):
    """The words of these languages stand in the same order."""
    (explanation,) = map(by_words, explain_texts(learned, ["Lom mir tas rul kes."], "xa", "yb", GREEDILY))
    assert words_of(explanation.choices.pieces) == "Dag fep bin hud gop.<eos>"
    strongest = [max(range(len(row)), key=row.__getitem__) for row in explanation.attention]
    assert sum(abs(column - row) <= 1 for row, column in enumerate(strongest)) >= 5


def test_rivals_are_the_likeliest_others(learned):
    (explanation,) = explain_sentences(learned, ["Lom mir."], ["Dag hud."], ("xa", "yb"))
    for token, probability, rivals in zip(
        explanation.choices.pieces, explanation.choices.probabilities, explanation.choices.rivals, strict=True
    ):
        names, values = zip(*rivals, strict=True)
        assert len(set(names)) == 3
        assert token not in names
        assert list(values) == sorted(values, reverse=True)
        assert probability + sum(values) <= 1.0001
    unlikely = explanation.choices.pieces.index(" hud")
    assert explanation.choices.rivals[unlikely][0][0] == " fep"
    assert explanation.choices.rivals[unlikely][0][1] > 0.5 > explanation.choices.probabilities[unlikely]


def test_only_the_first_sentence_has_the_prefix(learned):
    how = Decoding(GREEDY, Constraints(prefix="Vat"))
    first, second = explain_texts(learned, ["Lom mir. Tas rul."], "xa", "yb", how)
    assert words_of(first.choices.pieces).startswith("Vat")
    assert words_of(second.choices.pieces) == "Bin hud.<eos>"


def test_the_language_may_be_found_out(learned):
    text = "Lom mir tas rul."
    (explanation,) = explain_texts(learned, [text], "auto", "yb", GREEDILY)
    assert explanation.source_language == "xa"
    assert explain_texts(learned, [text], "auto", "xa", GREEDILY) == []


def test_what_cannot_be_explained(learned, plain_translator):
    with pytest.raises(InputError, match="this model has no attention"):
        explain_texts(plain_translator, ["Lom."], "xa", "yb", GREEDILY)
    with pytest.raises(InputError, match="does not translate from yb to yb"):
        explain_texts(learned, ["Lom."], "yb", "yb", GREEDILY)
    assert explain_texts(learned, ["", "12"], "xa", "yb", GREEDILY) == []

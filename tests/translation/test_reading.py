import pytest
import torch

from common.errors import InputError
from common.sampling import GREEDY
from common.search import Beam
from translation.model import Translator
from translation.reading import read_translations

SOURCES = ["Lom mir tas.", "Mok!", "Rul kes sor lut mok lom.", "Tas"]


@pytest.mark.parametrize("strategy", [GREEDY, Beam(3)])
def test_log_probabilities_are_those_of_decoding(learned, strategy):
    results = learned.translate_sentences(SOURCES, "yb", strategy, items=range(4))
    readings = read_translations(learned, SOURCES, [each.text for each in results], "yb")
    for result, reading in zip(results, readings, strict=True):
        assert tuple(learned.tokenizer.pieces(reading.ids)) == result.tokens
        assert reading.log_probabilities.tolist() == pytest.approx(result.log_probabilities, abs=1e-4)
        assert float(reading.log_probabilities.sum()) == pytest.approx(result.score, abs=1e-3)


def test_what_is_right_is_likelier_than_what_is_not(learned):
    right, wrong = read_translations(learned, ["Lom mir tas."] * 2, ["Dag fep bin.", "Dag hud bin."], "yb")
    assert right.log_probabilities.sum() > wrong.log_probabilities.sum() + 1


def test_attention_sums_to_one_over_what_is_real(learned):
    """A short sentence in a batch with a long one: no attention goes to the padding."""
    readings = read_translations(learned, SOURCES, ["Dag.", "Wib jep vat dag fep bin!", "", "Bin"], "yb")
    for source, reading in zip(SOURCES, readings, strict=True):
        (source_ids,) = learned.source_ids([source])
        assert reading.attention.shape == (len(reading.ids), len(source_ids))
        assert reading.attention.sum(1).tolist() == pytest.approx([1.0] * len(reading.ids), abs=1e-5)


def test_readings_do_not_depend_on_their_batch(learned):
    translations = ["Dag fep bin.", "Wib!", "Hud gop vat jep wib dag.", "fep"]
    together = read_translations(learned, SOURCES, translations, "yb", keep_logits=True)
    for number, expected in enumerate(together):
        (alone,) = read_translations(
            learned, SOURCES[number : number + 1], translations[number : number + 1], "yb", keep_logits=True
        )
        assert alone.ids == expected.ids
        for name in ("log_probabilities", "attention", "logits"):
            torch.testing.assert_close(getattr(alone, name), getattr(expected, name), atol=1e-4, rtol=1e-4)


def test_several_translations_of_a_source_are_read_as_each_alone(learned):
    """They share what the encoder has made of it, in whatever order they come."""
    sources = [SOURCES[place] for place in (0, 2, 0, 1, 2, 0, 3, 0, 0, 0)]
    translations = ["Dag fep bin.", "Wib!", "Dag.", "Hud gop vat jep wib dag.", "fep", "", "Bin"]
    translations += ["Dag dag.", "Hud.", "Dag fep bin."]
    for keep_logits in (False, True):
        together = read_translations(learned, sources, translations, "yb", keep_logits=keep_logits)
        for source, translation, expected in zip(sources, translations, together, strict=True):
            (alone,) = read_translations(learned, [source], [translation], "yb", keep_logits=keep_logits)
            assert alone.ids == expected.ids
            for name in ("log_probabilities", "attention"):
                torch.testing.assert_close(
                    getattr(alone, name), getattr(expected, name), atol=1e-4, rtol=1e-4
                )


def test_logits_are_kept_only_if_asked_for(learned):
    (without,) = read_translations(learned, ["Lom."], ["Dag."], "yb")
    assert without.logits is None
    (reading,) = read_translations(learned, ["Lom."], ["Dag."], "yb", keep_logits=True)
    assert reading.logits.shape == (len(reading.ids), len(learned.tokenizer))
    chosen = reading.logits.log_softmax(-1)[range(len(reading.ids)), reading.ids]
    torch.testing.assert_close(chosen, reading.log_probabilities)


def test_the_target_language_counts(learned):
    same, other = (read_translations(learned, ["Lom."], ["Dag."], target)[0] for target in ("yb", "xa"))
    # Which of them is likelier, nobody says: this model was never asked for another language.
    assert abs(same.log_probabilities.sum() - other.log_probabilities.sum()) > 1e-4


def test_a_translation_may_be_longer_than_the_model_itself_would_write(learned):
    (reading,) = read_translations(learned, ["Lom."], ["dag " * 100], "yb")
    assert len(reading.ids) > learned.config.maximum_length
    with pytest.raises(InputError, match=r"a sentence of \d+ tokens is too long"):
        read_translations(learned, ["lom " * 100], ["Dag."], "yb")


def test_nothing_to_read(learned):
    assert read_translations(learned, [], [], "yb") == []
    (reading,) = read_translations(learned, [""], [""], "yb")
    assert reading.ids == [learned.tokenizer.EOS]
    assert reading.attention.tolist() == [[1.0]]


def test_a_model_without_attention(plain_translator: Translator):
    (reading,) = read_translations(plain_translator, ["Lom."], ["Dag."], "yb")
    assert reading.attention is None
    assert len(reading.log_probabilities) == len(reading.ids)

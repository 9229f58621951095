"""A small translator that has a say in what another's beam has found."""

import copy
from dataclasses import replace
from random import Random

import pytest
import torch

from common.errors import InputError
from common.flags import signature
from common.reading import Reading
from common.result import Result
from common.sampling import GREEDY
from common.search import Beam
from translation import rescoring
from translation.model import Translator
from translation.rescoring import FAMILIAR, SHARE, by_rescorer
from translation.scores import bleu

BEAM = Beam(5, length_penalty=0.8)


def result(text, score, *others, tokens=("a", "<eos>")):
    return Result(text, score, tokens, alternatives=tuple(others))


@pytest.fixture
def ranked(monkeypatch, learned):
    """Rank with a rescorer that gives each text what the test says, of two tokens."""

    def run(likelihoods, *results, count=3, length_penalty=0.0):
        def read(rescorer, sources, translations, target):
            each = [likelihoods[text] / 2 for text in translations]
            return [Reading([1, 2], torch.tensor([one, one]), None, None) for one in each]

        monkeypatch.setattr(rescoring, "read_translations", read)
        sources = ["Lom."] * len(results)
        found = by_rescorer(learned, sources, results, ("xa", "yb"), Beam(5, length_penalty, count))
        return [[each.text for each in one.every()] for one in found]

    return run


def test_hand_worked(ranked):
    beam = result("one", -1.0, result("two", -1.5), result("three", -2.0))
    # 0.7 x -1 + 0.3 x -2 = -1.3, 0.7 x -1.5 + 0.3 x -0.5 = -1.2, 0.7 x -2 + 0.3 x -1 = -1.7
    assert SHARE == 0.3
    assert ranked({"one": -2.0, "two": -0.5, "three": -1.0}, beam) == [["two", "one", "three"]]
    # -1.3, 0.7 x -1.5 + 0.3 x -1.9 = -1.62, 0.7 x -2 + 0.3 x -0.5 = -1.55
    assert ranked({"one": -2.0, "two": -1.9, "three": -0.5}, beam, count=2) == [["one", "three"]]


def test_lengths_count_as_in_the_beam(ranked):
    long = result("long", -3.0, tokens=("a",) * 5 + ("<eos>",))
    same = {"short": -1.2, "long": -3.0}
    assert ranked(same, result("short", -1.2, long), length_penalty=0.0) == [["short", "long"]]
    assert ranked(same, result("short", -1.2, long), length_penalty=1.0) == [["long", "short"]]


def test_it_has_no_say_where_nothing_is_familiar(ranked):
    beam, least = result("one", -1.0, result("two", -1.01)), 2 * FAMILIAR
    assert ranked({"one": least - 9, "two": least + 0.1}, beam) == [["two", "one"]]
    assert ranked({"one": least - 9, "two": least - 0.1}, beam) == [["one", "two"]]
    # Each sentence by itself.
    other = result("three", -1.0, result("four", -1.01))
    likelihoods = {"one": least - 9, "two": least - 0.1, "three": -3.0, "four": -0.1}
    assert ranked(likelihoods, beam, other) == [["one", "two"], ["four", "three"]]


def test_what_was_cut_off_comes_last(ranked):
    cut = result("cut", -0.1, tokens=("a", "b"))
    assert ranked({"whole": -2.0, "cut": -0.1}, result("whole", -2.0, cut)) == [["whole", "cut"]]


@pytest.fixture
def forgetful(learned):
    """The translator, to which two words are the same."""
    network = copy.deepcopy(learned)
    for one, other in (("lom", "mir"), ("Lom", "Mir")):
        ids = [network.tokenizer.encode(word) for word in (one, other)]
        assert len(ids[0]) == len(ids[1]) == 1
        with torch.no_grad():
            vectors = network.decoder.embedding.weight
            vectors[[ids[0][0], ids[1][0]]] = (vectors[ids[0][0]] + vectors[ids[1][0]]) / 2
    return network.eval()


@pytest.fixture
def pairs(artificial_pair):
    random = Random(99)
    return [artificial_pair(random) for _ in range(120)]


def quality(translator, pairs):
    found = translator.translate([source for source, _ in pairs], "xa", "yb", BEAM)
    return bleu([each.text for each in found], [[target] for _, target in pairs]).value


def test_a_rescorer_in_the_model_directory_mends_translations(forgetful, learned, pairs, tmp_path):
    forgetful.save(tmp_path / "model")
    forgetful.save(tmp_path / "alone")
    learned.save(tmp_path / "model" / "rescorers" / "xa-yb")
    alone, both = (Translator.load(tmp_path / name, device="cpu") for name in ("alone", "model"))
    assert signature(tmp_path / "model") != signature(tmp_path / "alone")
    assert quality(alone, pairs) < 90
    assert quality(both, pairs) > quality(alone, pairs) + 5
    # Not in the other direction, nor where no plain beam gives anything to choose from.
    sources = [target for _, target in pairs]
    assert both.translate(sources, "yb", "xa", BEAM) == alone.translate(sources, "yb", "xa", BEAM)
    # (What goes round in circles is searched again, with a plain one.)
    sources = [each for each, _ in pairs if len({*each.lower().split()}) == len(each.split())]
    for strategy in (GREEDY, Beam(4, diversity=0.5, count=2)):
        assert both.translate(sources, "xa", "yb", strategy) == alone.translate(sources, "xa", "yb", strategy)
    # As many alternatives as were asked for, in whatever batch.
    several = both.translate(sources, "xa", "yb", Beam(5, 0.8, count=3))
    assert all(len(each.alternatives) == 2 for each in several)
    single = both.translate(sources[7], "xa", "yb", Beam(5, 0.8, count=3))
    assert [each.text for each in several[7].every()] == [each.text for each in single.every()]


def test_one_that_has_learned_nothing_changes_nothing(forgetful, learned, pairs, tmp_path):
    forgetful.save(tmp_path / "model")
    sources = [source for source, _ in pairs]
    alone = Translator.load(tmp_path / "model", device="cpu").translate(sources, "xa", "yb", BEAM)
    torch.manual_seed(0)
    Translator(learned.config, learned.tokenizer).save(tmp_path / "model" / "rescorers" / "xa-yb")
    assert Translator.load(tmp_path / "model", device="cpu").translate(sources, "xa", "yb", BEAM) == alone


def test_a_sentence_that_is_too_long_for_it_is_left_alone(learned, tmp_path):
    learned.save(tmp_path / "model")
    text = "Lom mir tas rul kes sor lut mok lom mir."
    alone = Translator.load(tmp_path / "model", device="cpu").translate(text, "xa", "yb", BEAM)
    short = Translator(replace(learned.config, maximum_length=5), learned.tokenizer)
    short.load_state_dict(learned.state_dict())
    short.save(tmp_path / "model" / "rescorers" / "xa-yb")
    assert Translator.load(tmp_path / "model", device="cpu").translate(text, "xa", "yb", BEAM) == alone


def test_a_damaged_one_is_named(learned, tmp_path):
    learned.save(tmp_path / "model")
    learned.save(tmp_path / "model" / "rescorers" / "xa-yb")
    (tmp_path / "model" / "rescorers" / "xa-yb" / "model.safetensors").write_bytes(b"no weights")
    broken = Translator.load(tmp_path / "model", device="cpu")
    assert broken.translate("Dag.", "yb", "xa", BEAM).text
    with pytest.raises(InputError, match=r"rescorers.xa-yb.model.safetensors: damaged"):
        broken.translate("Lom.", "xa", "yb", BEAM)


def test_one_for_another_direction_is_refused(learned, tmp_path):
    learned.save(tmp_path / "model")
    other = Translator(replace(learned.config, directions=("yb-xa",)), learned.tokenizer)
    other.save(tmp_path / "model" / "rescorers" / "xa-yb")
    wrong = r"rescorers.xa-yb: this model does not translate from xa to yb; it knows yb-xa"
    with pytest.raises(InputError, match=wrong):
        Translator.load(tmp_path / "model", device="cpu").translate("Lom.", "xa", "yb", BEAM)

"""Adapters: what one language to write gains, and the others do not notice."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from common.sampling import GREEDY
from common.search import Beam
from data.records import SentencePair
from translation.adapter import Adapter, AdapterConfig
from translation.fine_tuning import start_from
from translation.model import Translator
from translation.reading import read_translations

SOURCES = ["Lom mir tas.", "Rul", "kes sor lut mok lom mir!"]
BACK = ["Dag fep bin.", "Hud"]


@pytest.fixture
def adapted(learned):
    """A translator with an adapter for "yb" that changes much, at random."""
    torch.manual_seed(5)
    adapted = Translator(replace(learned.config, adapters=(AdapterConfig("yb", 2),)), learned.tokenizer)
    adapted.load_state_dict(learned.state_dict(), strict=False)
    with torch.no_grad():
        for up in adapted.adapters["yb"].up.values():
            up.normal_(std=0.3)
    return adapted.eval()


def by_hand(adapted, learned):
    """The translator whose weights are those that the adapter should give."""
    other, parts = Translator(learned.config, learned.tokenizer), adapted.adapters["yb"]
    weights = dict(learned.state_dict())
    for name in parts.up:
        weights[name.replace("/", ".")] = weights[name.replace("/", ".")] + parts.up[name] @ parts.down[name]
    other.load_state_dict(weights)
    return other.eval()


def texts(translator, sources, target, strategy=GREEDY):
    results = translator.translate_sentences(sources, target, strategy, items=range(len(sources)))
    return [(each.text, round(each.score, 3)) for each in results]


def test_a_new_one_changes_nothing(learned):
    changed = Adapter(learned, 3)(learned)
    assert changed
    assert all(torch.equal(weight, learned.get_parameter(name)) for name, weight in changed.items())


def test_all_matrices_but_the_word_vectors_are_changed(adapted):
    matrices = [name for name, weight in adapted.named_parameters() if weight.ndim == 2]
    changed = adapted.adapters["yb"](adapted)
    left = {name for name in matrices if name not in changed and not name.startswith("adapters.")}
    assert left == {"decoder.embedding.weight", "language.weight"}


@pytest.mark.parametrize("strategy", [GREEDY, Beam(3)])
def test_its_language_is_written_with_the_changed_weights_and_others_as_before(adapted, learned, strategy):
    expected = texts(by_hand(adapted, learned), SOURCES, "yb", strategy)
    assert texts(adapted, SOURCES, "yb", strategy) == expected
    assert expected != texts(learned, SOURCES, "yb", strategy)
    assert texts(adapted, BACK, "xa", strategy) == texts(learned, BACK, "xa", strategy)


def test_streams_readings_and_detection(adapted, learned):
    result = adapted.translate(SOURCES[0], "xa", "yb", GREEDY)
    assert "".join(adapted.stream(SOURCES[0], "xa", "yb")) == result.text
    changed = by_hand(adapted, learned)
    for target, sources, reader in (("yb", SOURCES, changed), ("xa", BACK, learned)):
        given = ["Dag hud.", "Lom"] + [""] * (len(sources) - 2)
        found = read_translations(adapted, sources, given, target)
        for one, other in zip(found, read_translations(reader, sources, given, target), strict=True):
            assert torch.allclose(one.log_probabilities, other.log_probabilities, atol=1e-5)
    # The language of a text is told before it is known what to write.
    assert adapted.detect(SOURCES + BACK) == learned.detect(SOURCES + BACK)


def test_after_training_the_new_weights_count(adapted):
    before = texts(adapted, SOURCES, "yb")
    adapted.train()
    with torch.no_grad():
        for up in adapted.adapters["yb"].up.values():
            up.zero_()
    adapted.eval()
    assert texts(adapted, SOURCES, "yb") != before


@pytest.mark.parametrize("storage", ["float32", "int8"])
def test_saved_and_loaded(adapted, tmp_path, storage):
    adapted.save(tmp_path / "saved", storage)
    again = Translator.load(tmp_path / "saved", device="cpu")
    assert again.config == adapted.config
    if storage == "float32":
        again.decoder.fast = None
        assert texts(again, SOURCES, "yb", Beam(3)) == texts(adapted, SOURCES, "yb", Beam(3))


def test_fine_tuning_begins_with_what_it_writes(adapted, learned, tmp_path):
    adapted.save(tmp_path / "saved")
    there, back = SentencePair("Lom.", "Dag.", "xa", "yb"), SentencePair("Dag.", "Lom.", "yb", "xa")
    begun = start_from(str(tmp_path / "saved"), [there], 0.0).eval()
    assert begun.config.adapters == ()
    assert texts(begun, SOURCES, "yb") == texts(by_hand(adapted, learned), SOURCES, "yb")
    for pairs in ([back], [there, back]):
        assert texts(start_from(str(tmp_path / "saved"), pairs, 0.0).eval(), BACK, "xa") == texts(
            learned, BACK, "xa"
        )


def test_a_rank_of_nothing():
    with pytest.raises(ValueError, match="rank must be at least 1, got 0"):
        AdapterConfig("yb", 0)


def test_loading_does_not_import_the_compiler():
    """Which takes a second, as drawing normal numbers without memory would."""
    code = (
        "import sys; from translation.model import Translator; translator = Translator.load(device='cpu'); "
        "assert translator.adapted('fr') is not translator; assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

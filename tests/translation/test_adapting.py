"""Training an adapter: it learns, and the translator stays as it is."""

from dataclasses import replace
from random import Random

import pytest
import torch

from common.config import build
from common.errors import InputError
from common.rewards import RewardSettings
from common.sampling import GREEDY
from common.training import TrainingConfig
from data.records import SentencePair
from translation.adapter import AdapterConfig
from translation.adapting import Apprentice, with_adapter
from translation.corpus import Corpus
from translation.model import Translator
from translation.recipe import ModelSettings, PairFiles, TranslatorRecipe
from translation.splitting import Collection
from translation.training import train_translator

THERE, BACK = SentencePair("Lom.", "Dag.", "xa", "yb"), SentencePair("Dag.", "Lom.", "yb", "xa")


@pytest.fixture
def directory(learned, tmp_path):
    learned.save(tmp_path / "learned")
    return tmp_path / "learned"


@pytest.fixture
def recipe(directory, tmp_path, artificial_pair):
    """To learn another language than "yb": all its words are written backwards."""
    random = Random(3)
    for name, count in (("train", 300), ("held-out", 40)):
        pairs = [artificial_pair(random) for _ in range(count)]
        lines = [f"{source}\t{' '.join(word[::-1] for word in target.split())}\n" for source, target in pairs]
        (tmp_path / f"{name}.tsv").write_text("".join(lines), encoding="utf-8")
    return TranslatorRecipe(
        output=tmp_path / "out",
        start_from=str(directory),
        adapter=8,
        pairs=(PairFiles(tmp_path / "train.tsv", "xa", "yb", both_ways=False),),
        validation=(PairFiles(tmp_path / "held-out.tsv", "xa", "yb", both_ways=False),),
        model=ModelSettings(dropout=0.0, storage="float32"),
        training=TrainingConfig(epochs=6, learning_rate=0.02, warmup_steps=10, device="cpu", threads=1),
        tokens_per_batch=400,
        augmentation=0.0,
    )


def test_it_learns_and_the_translator_stays_as_it_is(recipe, learned):
    before = Apprentice(with_adapter(recipe.start_from, [THERE], 8, 0.0), "yb").eval()
    best = Translator.load(train_translator(recipe), device="cpu")
    for name, weight in learned.state_dict().items():
        assert torch.equal(weight, best.state_dict()[name]), name
    pairs = recipe.validation[0].read()
    collection = Collection(recipe.validation[0], pairs)
    losses = []
    for apprentice in (before, Apprentice(best, "yb").eval()):
        (translator,) = (each.translator for each in apprentice._losing)
        batches = Corpus(translator, [collection], recipe).batches(pairs, seed=None)
        found = [apprentice.loss(batch) for batch in batches]
        losses.append(sum(each.nats for each in found) / sum(each.tokens for each in found))
    assert losses[1] < 0.5 * losses[0]
    back = learned.translate_sentences(["Dag fep bin."], "xa", GREEDY, items=[0])
    assert best.translate_sentences(["Dag fep bin."], "xa", GREEDY, items=[0])[0].text == back[0].text


@pytest.mark.parametrize("reward", [None, RewardSettings(samples=2)])
def test_resumed_training_is_as_never_stopped(recipe, tmp_path, kill, assert_same_run, reward):
    quick = replace(recipe.training, epochs=2, save_minutes=0.0)
    whole = replace(recipe, reward=reward, training=quick)
    parts = replace(whole, output=tmp_path / "parts")
    train_translator(whole)
    kill(3, lambda: train_translator(parts))
    train_translator(parts, resume=True)
    assert_same_run(whole.output, parts.output)


def test_one_in_the_place_of_another(directory, tmp_path):
    first = with_adapter(str(directory), [THERE], 2, 0.0)
    with torch.no_grad():
        first.adapters["yb"].up["decoder/bottleneck/weight"].normal_()
    first.save(tmp_path / "first")
    both = with_adapter(str(tmp_path / "first"), [BACK], 3, 0.0)
    assert both.config.adapters == (AdapterConfig("yb", 2), AdapterConfig("xa", 3))
    kept = "adapters.yb.up.decoder/bottleneck/weight"
    assert torch.equal(both.state_dict()[kept], first.state_dict()[kept])
    both.save(tmp_path / "both")
    again = with_adapter(str(tmp_path / "both"), [BACK, BACK], 3, 0.1)
    assert again.config.adapters == both.config.adapters
    assert (again.config.encoder.dropout, again.config.decoder.dropout) == (0.1, 0.1)
    assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in both.state_dict().items())
    other = with_adapter(str(tmp_path / "both"), [THERE], 5, 0.0)
    assert other.config.adapters == (AdapterConfig("xa", 3), AdapterConfig("yb", 5))
    assert not other.state_dict()[kept].any()


def test_what_cannot_be(directory):
    with pytest.raises(InputError, match="for one language to write, the pairs are into xa, yb; give"):
        with_adapter(str(directory), [THERE, BACK], 2, 0.0)
    with pytest.raises(InputError, match="does not translate from xa to zz"):
        with_adapter(str(directory), [SentencePair("Dag.", "Lom.", "xa", "zz")], 2, 0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"adapter": -1, "start_from": "built-in"}, "adapter must be 0 or a rank, got -1"),
        ({"adapter": 4}, "adapter changes a model that there is: give start_from"),
    ],
)
def test_recipes_that_cannot_be(settings, message):
    files = [{"source": "a.tsv", "source_language": "de", "target_language": "en"}]
    with pytest.raises(InputError, match=message):
        build(TranslatorRecipe, {"output": "out", "pairs": files, **settings}, "recipe.toml")

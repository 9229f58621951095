from dataclasses import replace

import pytest
import torch

from common.errors import InputError
from common.training import TrainingConfig
from data.records import SentencePair
from data.synthetic import numbers
from translation.dictionary import Dictionary
from translation.fine_tuning import start_from
from translation.model import Translator
from translation.recipe import PairFiles, TranslatorRecipe
from translation.training import train_translator

DOG = SentencePair("ein hund", "a dog", "de", "en")


@pytest.fixture
def one_way(tiny_translator, tmp_path):
    """The directory of a translator that knows "de" and "en", but only from the first to the second."""
    known = Translator.load(tiny_translator, device="cpu")
    config = replace(known.config, directions=("de-en",), characters="abc", words="zebra", names="Ab")
    Translator(config, known.tokenizer).save(tmp_path / "one-way")
    return tmp_path / "one-way"


def test_weights_vocabulary_and_shape_are_kept_and_dropout_is_as_told(tiny_translator):
    known = Translator.load(tiny_translator, device="cpu")
    found = start_from(str(tiny_translator), [DOG], 0.125)
    for name, tensor in known.state_dict().items():
        assert torch.equal(tensor, found.state_dict()[name]), name
    assert found.tokenizer.encode("a dog runs") == known.tokenizer.encode("a dog runs")
    assert (found.config.encoder.dropout, found.config.decoder.dropout) == (0.125, 0.125)
    assert replace(found.config, encoder=known.config.encoder, decoder=known.config.decoder) == replace(
        known.config
    )


def test_a_direction_of_known_languages_is_added(one_way):
    known = Translator.load(one_way, device="cpu")
    pairs = [SentencePair(f"xy{end} Qz", f"zc xyz Xyz xyz{end} Qz", "en", "de") for end in ("", ".", "..")]
    found = start_from(str(one_way), pairs, 0.0)
    assert found.config.directions == ("de-en", "en-de")
    assert found.config.characters == " .QXabcxyz"
    assert found.config.words == "qz xy xyz zc zebra"
    assert found.config.names == "Ab Qz"
    assert found.languages == ["de", "en"]
    # What told German still tells German; English is new.
    assert torch.equal(found.language.weight[0], known.language.weight[0])
    assert torch.equal(found.language.bias[:1], known.language.bias)
    assert torch.equal(found.decoder.embedding.weight, known.decoder.embedding.weight)


def test_what_is_written_is_added_to_what_is_on_record(tiny_translator, tmp_path):
    known = Translator.load(tiny_translator, device="cpu")
    recorder = Translator(replace(known.config, vocabularies=True), known.tokenizer)
    recorder.note_vocabulary("de", ["ein hund"])
    recorder.save(tmp_path / "recorder")
    found = start_from(str(tmp_path / "recorder"), [DOG], 0.0)
    assert found.vocabulary("en") is None
    before = found.vocabulary("de").clone()
    assert torch.equal(before, recorder.vocabulary("de"))
    found.note_vocabulary("de", ["durch den schnee"])
    for text in ("ein hund", "durch den schnee"):
        assert found.vocabulary("de")[known.tokenizer.encode(text)].all()
    assert before.sum() < found.vocabulary("de").sum() < len(known.tokenizer)


def test_the_dictionary_is_kept(tiny_translator, tmp_path):
    known = Translator.load(tiny_translator, device="cpu")
    assert not start_from(str(tiny_translator), [DOG], 0.0).dictionary
    known.dictionary = Dictionary({"de-en": {"hund": "dog"}})
    known.save(tmp_path / "hinted")
    found = start_from(str(tmp_path / "hinted"), [DOG], 0.0)
    assert found.dictionary.of("de", "en") == {"hund": "dog"}


def test_a_language_it_does_not_know(tiny_translator):
    with pytest.raises(
        InputError, match=r"^start_from .*: the model does not know fr, it knows de, en; name"
    ):
        start_from(str(tiny_translator), [DOG, SentencePair("ein hund", "un chien", "de", "fr")], 0.0)


def test_no_such_model(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such model directory"):
        start_from(str(tmp_path / "nowhere"), [DOG], 0.0)


def test_training_goes_on_from_the_model(one_way, tmp_path, kill, assert_same_run):
    """With nothing learned, the weights are those it started from; with some, resumed as never stopped."""
    pairs = numbers(60, seed=1)
    for name, side in (("a.txt", "target"), ("b.txt", "source")):
        (tmp_path / name).write_text("".join(f"{getattr(pair, side)}\n" for pair in pairs))
    recipe = TranslatorRecipe(
        output=tmp_path / "still",
        pairs=(PairFiles(tmp_path / "a.txt", "en", "de", tmp_path / "b.txt"),),
        start_from=str(one_way),
        training=TrainingConfig(
            epochs=1, learning_rate=1e-12, warmup_steps=0, device="cpu", precision="float32"
        ),
        tokens_per_batch=300,
    )
    recipe = replace(recipe, model=replace(recipe.model, storage="float32"))
    still = Translator.load(train_translator(recipe), device="cpu")
    known = Translator.load(one_way, device="cpu")
    assert torch.allclose(still.decoder.embedding.weight, known.decoder.embedding.weight, atol=1e-6)
    assert still.config.directions == ("de-en", "en-de")

    quick = replace(recipe.training, epochs=2, learning_rate=1e-3, save_minutes=0.0)
    whole, parts = (replace(recipe, output=tmp_path / name, training=quick) for name in ("whole", "parts"))
    train_translator(whole)
    kill(7, lambda: train_translator(parts))
    train_translator(parts, resume=True)
    assert_same_run(whole.output, parts.output)

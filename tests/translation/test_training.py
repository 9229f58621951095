import math
import re
from dataclasses import replace

import pytest
import torch

from common.config import as_values, build
from common.errors import InputError
from common.rewards import RewardSettings
from common.sampling import GREEDY
from common.training import TrainingConfig
from data.records import SentencePair
from data.synthetic import numbers
from translation import rare_words
from translation.corpus import Corpus
from translation.model import Translator
from translation.recipe import ModelSettings, PairFiles, TranslatorRecipe
from translation.training import train_translator

SMALL = ModelSettings(
    vocabulary_size=280,
    embedding_size=16,
    encoder_size=12,
    encoder_layers=1,
    decoder_size=16,
    decoder_layers=1,
    heads=2,
    maximum_length=40,
    storage="float32",
)
QUICK = TrainingConfig(epochs=2, warmup_steps=3, device="cpu", precision="float32", save_minutes=0.0)
TOO_LONG = SentencePair("".join(map(chr, range(0x4E00, 0x4E40))), "one", "digits", "words")


def write(path, pairs):
    path.write_text("".join(f"{pair.source}\t{pair.target}\n" for pair in pairs), encoding="utf-8")
    return path


def files(path, **changes):
    return PairFiles(path, "digits", "words", **({"both_ways": False} | changes))


@pytest.fixture
def recipe(tmp_path):
    pairs = numbers(70, seed=1)
    return TranslatorRecipe(
        output=tmp_path / "out",
        pairs=(files(write(tmp_path / "train.tsv", pairs[:60])),),
        validation=(files(write(tmp_path / "held-out.tsv", pairs[60:])),),
        model=SMALL,
        training=QUICK,
        tokens_per_batch=300,
    )


@pytest.mark.parametrize(
    ("attention", "precision", "cell", "reward"),
    [
        (True, "float32", "lstm", None),
        (True, "bfloat16", "lstm", None),
        (False, "float32", "gru", None),
        (True, "float32", "lstm", RewardSettings(samples=2)),
    ],
)
def test_resumed_training_is_as_never_stopped(
    recipe, tmp_path, kill, assert_same_run, attention, precision, cell, reward
):
    whole = replace(
        recipe,
        reward=reward,
        model=replace(recipe.model, attention=attention, cell=cell),
        training=replace(recipe.training, precision=precision),
    )
    parts = replace(whole, output=tmp_path / "parts")
    train_translator(whole)
    kill(3, lambda: train_translator(parts))
    torch.rand(3)
    best = train_translator(parts, resume=True)
    assert_same_run(whole.output, parts.output)
    assert Translator.load(best, device="cpu").config.directions == ("digits-words",)


def test_another_seed_is_another_run(recipe, tmp_path):
    train_translator(recipe)
    other = replace(recipe, output=tmp_path / "other", training=replace(QUICK, seed=2))
    train_translator(other)
    assert (recipe.output / "metrics.jsonl").read_bytes() != (tmp_path / "other/metrics.jsonl").read_bytes()


def test_both_ways_learns_and_validates_both_directions(recipe, tmp_path):
    lines = []
    both = replace(
        recipe,
        pairs=(files(recipe.pairs[0].source, both_ways=True),),
        validation=(files(recipe.validation[0].source, both_ways=True),),
        training=replace(QUICK, epochs=1),
    )
    translator = Translator.load(train_translator(both, report=lines.append), device="cpu")
    assert translator.config.directions == ("digits-words", "words-digits")
    assert lines[0].startswith("120 pairs and 20 to validate on, 280 byte pairs, ")
    assert "bleu digits-words" in lines[1]
    assert "bleu words-digits" in lines[1]


def test_pairs_that_are_too_long_are_left_out(recipe, tmp_path):
    lines = []
    short = numbers(20, seed=1)
    path = write(tmp_path / "mixed.tsv", [TOO_LONG, *short])
    best = train_translator(
        replace(recipe, pairs=(files(path),), validation=(files(path),), training=replace(QUICK, epochs=1)),
        report=lines.append,
    )
    assert lines[0].startswith("20 pairs and 20 to validate on, ")
    assert best.is_dir()


def test_without_a_validation_some_pairs_are_split_off(recipe):
    lines = []
    best = train_translator(
        replace(recipe, validation=(), training=replace(QUICK, epochs=1)), report=lines.append
    )
    assert lines[0].startswith("57 pairs and 3 to validate on, ")
    assert best.is_dir()


def test_a_model_remembers_the_characters_and_words_it_has_seen(recipe):
    best = train_translator(replace(recipe, training=replace(QUICK, epochs=1)))
    translator = Translator.load(best, device="cpu")
    texts = recipe.pairs[0].source.read_text(encoding="utf-8")
    assert set(translator.config.characters) == set(texts) - set("\t\n")
    assert list(translator.config.characters) == sorted(translator.config.characters)
    assert translator.words
    assert all(len(re.findall(rf"\b{word}\b", texts)) >= 3 for word in translator.words)
    assert translator.vocabulary("digits") is None  # never written
    assert not translator.vocabulary("words").all()
    for line in texts.splitlines():
        assert translator.vocabulary("words")[translator.tokenizer.encode(line.split("\t")[1])].all()


LAMPS = [(f"The {word} lamp is.", f"Die {word}e Lampe ist.") for word in ("old", "red", "wet", "new")]
RARE = [*LAMPS * 2, ("The cat.", "Die Katze."), ("Hut.", "Haus.")]


@pytest.mark.parametrize("dictionary", [True, False])
def test_rare_words_are_put_on_record_and_read_with_hints(recipe, tmp_path, monkeypatch, dictionary):
    monkeypatch.setattr(rare_words, "RARE", 4)
    monkeypatch.setattr(rare_words, "ONE_IN", 1)
    (batch, read) = Corpus._batch, set[str]()

    def remember(corpus, pairs, encoded):
        read.update(pair.source for pair in pairs)
        return batch(corpus, pairs, encoded)

    monkeypatch.setattr(Corpus, "_batch", remember)
    (tmp_path / "train.tsv").write_text("".join(f"{first}\t{second}\n" for first, second in RARE))
    (tmp_path / "held-out.tsv").write_text("The lamp, {the} cat.\tDie Lampe.\n")
    shown, held_out = (
        (PairFiles(tmp_path / name, "en", "de", both_ways=False),) for name in ("train.tsv", "held-out.tsv")
    )
    model = replace(SMALL, dictionary=dictionary, vocabulary_size=300)
    recipe = replace(recipe, pairs=shown, validation=held_out, model=model, augmentation=0.0)
    translator = Translator.load(train_translator(recipe), device="cpu")
    if dictionary:
        assert translator.dictionary.of("en", "de")["cat"] == "Katze"
        assert {"The cat.", "The old lamp{ Lampe} is{ ist}."} < read
        assert any(source.startswith("The lamp{ Lampe}, {the} cat{ Katze}") for source in read)
    else:
        assert not translator.dictionary
        assert read == {*dict(RARE), "The lamp, {the} cat."}


def test_nothing_but_long_pairs(recipe, tmp_path):
    path = write(tmp_path / "long.tsv", [TOO_LONG])
    for changes in ({"pairs": (files(path),)}, {"validation": (files(path),)}):
        with pytest.raises(InputError, match=r"long\.tsv: all pairs are longer than 40 tokens; split"):
            train_translator(replace(recipe, **changes))


def test_a_validation_that_cannot_be_learned(recipe):
    turned = PairFiles(recipe.validation[0].source, "words", "digits", both_ways=False)
    with pytest.raises(
        InputError, match="validation is words-digits, which no training pairs are; there are d"
    ):
        train_translator(replace(recipe, validation=(turned,)))


def test_missing_data(recipe, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.tsv does not exist"):
        train_translator(replace(recipe, pairs=(files(tmp_path / "nowhere.tsv"),)))


PAIR = {"source": "a", "source_language": "de", "target_language": "en"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pairs": []}, r"pairs must have at least one entry"),
        ({"augmentation": 1.5}, r"augmentation must be from 0 to 1, got 1\.5"),
        ({"word_cuts": -0.1}, r"word_cuts must be from 0 to 1, got -0\.1"),
        ({"pairs": [PAIR | {"share": 0.0}]}, r"pairs\[0\]: share must be a finite number above 0, got 0\.0"),
        (
            {"pairs": [PAIR | {"share": math.inf}]},
            r"pairs\[0\]: share must be a finite number above 0, got inf",
        ),
        (
            {"pairs": [PAIR | {"source_language": "pt-BR"}]},
            r"pairs\[0\]: source_language must be letters, dig",
        ),
        ({"pairs": [PAIR | {"target_language": ""}]}, r"pairs\[0\]: target_language must be letters, digits"),
        ({"tokens_per_batch": 0}, r"tokens_per_batch must be at least 1, got 0"),
        ({"validation_sentences": 0}, r"validation_sentences must be at least 1, got 0"),
        ({"model": {"heads": 3}}, r"model: heads must divide the hidden size 512, got 3"),
        ({"model": {"encoder_layers": 0}}, r"model: layers must be at least 1, got 0"),
        (
            {"model": {"storage": "int4"}},
            r"model: storage must be 'float32' or 'bfloat16' or 'int8', got 'int4'",
        ),
    ],
)
def test_wrong_recipes(settings, message):
    values = {"output": "out", "pairs": [PAIR], "validation": [PAIR]} | settings
    with pytest.raises(InputError, match=f"^recipe: {message}"):
        build(TranslatorRecipe, values, "recipe")


def test_a_recipe_comes_back_from_its_values(recipe):
    assert build(TranslatorRecipe, as_values(recipe), "recipe") == recipe


@pytest.mark.slow
@pytest.mark.parametrize(("attention", "epochs"), [(True, 22), (False, 30)], ids=["attention", "plain"])
def test_numbers_are_learned(tmp_path, attention, epochs):
    """Digits to words, on numbers that were never shown, of three digits: smaller ones follow no rule."""
    pairs = numbers(1000, seed=1)
    short = [pair for pair in pairs if len(pair.source) < 3]
    long = [pair for pair in pairs if len(pair.source) == 3]
    shown, validation, held_out = [*short, *long[:700]], long[700:800], long[800:]
    recipe = TranslatorRecipe(
        output=tmp_path / "out",
        pairs=(files(write(tmp_path / "train.tsv", shown)),),
        validation=(files(write(tmp_path / "validation.tsv", validation)),),
        model=replace(
            SMALL,
            vocabulary_size=300,
            embedding_size=64,
            encoder_size=48,
            decoder_size=96,
            attention=attention,
            dropout=0.1,
        ),
        training=TrainingConfig(
            epochs=epochs,
            learning_rate=4e-3,
            warmup_steps=20,
            label_smoothing=0.0,
            average_decay=0.99,
            device="cpu",
            precision="float32",
        ),
        tokens_per_batch=600,
    )
    translator = Translator.load(train_translator(recipe), device="cpu")
    sources = [pair.source for pair in held_out]
    results = translator.translate_sentences(sources, "words", GREEDY, items=range(len(sources)))
    right = sum(result.text == pair.target for result, pair in zip(results, held_out, strict=True))
    assert right >= 0.99 * len(held_out)

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch

from common.config import as_values, build
from common.errors import InputError
from common.sampling import GREEDY
from common.tokenizer import Tokenizer
from common.training import TrainingConfig
from data.records import SentencePair
from data.synthetic import numbers
from translation.model import Translator
from translation.placeholders import PLACEHOLDERS
from translation.recipe import ModelSettings, PairFiles, TranslatorRecipe
from translation.splitting import Collection
from translation.training import Corpus, augment, train_translator

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
    ("attention", "precision", "cell"),
    [(True, "float32", "lstm"), (True, "bfloat16", "lstm"), (False, "float32", "gru")],
)
def test_resumed_training_is_as_never_stopped(
    recipe, tmp_path, kill, assert_same_run, attention, precision, cell
):
    whole = replace(
        recipe,
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


@pytest.fixture
def corpus(recipe):
    """Make a corpus of collections, each pairs and their share of an epoch; nothing is changed in them."""

    def make(*collections, augmentation=0.0, model=SMALL):
        plain = replace(recipe, augmentation=augmentation, model=model)
        pairs = [pair for pairs, _ in collections for pair in pairs]
        tokenizer = Tokenizer.train(
            "byte-pair",
            [pair.target for pair in pairs],
            vocabulary_size=300,
            special_tokens=["<digits>", "<words>"],
        )
        translator = Translator(model.translator(len(tokenizer), ("digits-words", "words-digits")), tokenizer)
        return Corpus(
            translator,
            [Collection(files(Path("a"), share=share), pairs) for pairs, share in collections],
            plain,
        )

    return make


def pairs_in(corpus, batches):
    """How often each pair stands in the batches, as texts."""
    decode, found = corpus.tokenizer.decode, Counter()
    for batch in batches:
        for source, length, target in zip(batch.source, batch.source_lengths, batch.target, strict=True):
            assert source[length - 1] == Tokenizer.EOS
            assert set(source[length:].tolist()) <= {Tokenizer.PAD}
            found[decode(source[:length].tolist()), decode(target.tolist())] += 1
    return found


NUMBERS = numbers(60, seed=1)


def test_an_epoch_shows_each_pair_once_and_is_the_same_every_time(corpus):
    made = corpus((NUMBERS, 1.0))
    epoch, again, other = made.epoch(3), made.epoch(3), made.epoch(4)
    assert pairs_in(made, epoch) == Counter((pair.source, pair.target) for pair in NUMBERS)
    for batch, same in zip(epoch, again, strict=True):
        assert torch.equal(batch.source, same.source)
        assert torch.equal(batch.target, same.target)
    assert max(max(batch.source.numel(), batch.target.numel()) for batch in epoch) <= 300
    assert [batch.source.tolist() for batch in epoch] != [batch.source.tolist() for batch in other]


def test_each_row_has_its_languages(corpus):
    turned = [SentencePair(pair.target, pair.source, "words", "digits") for pair in NUMBERS]
    made = corpus((NUMBERS + turned, 1.0))
    tags = [made.tokenizer.special(f"<{language}>") for language in ("words", "digits")]
    for batch in made.epoch(0):
        for source, language, target in zip(batch.source, batch.source_languages, batch.target, strict=True):
            is_digits = made.tokenizer.decode(source.tolist()).isdigit()
            assert made.languages[language] == ("digits" if is_digits else "words")
            assert target[0] == tags[0 if is_digits else 1]
            assert int((target == Tokenizer.EOS).sum()) == 1


def test_a_share_is_drawn_anew_for_each_epoch(corpus):
    made = corpus((NUMBERS, 0.25), (NUMBERS, 1.0))
    first, second = (pairs_in(made, made.epoch(number)) for number in (0, 1))
    assert first.total() == second.total() == 75
    drawn = {pair for pair, count in first.items() if count == 2}
    assert len(drawn) == 15
    assert drawn != {pair for pair, count in second.items() if count == 2}


def test_what_a_change_makes_too_long_is_left_out_for_once(corpus):
    """A placeholder of three bytes stands for a number of two."""
    pairs = [
        SentencePair("aaaaaa 17", "bbbbbb 17", "digits", "words"),
        SentencePair("c", "d", "digits", "words"),
    ]
    plain = corpus((pairs, 1.0))
    longest = max(plain._length(pair) for pair in pairs)
    made = corpus((pairs, 1.0), augmentation=1.0, model=replace(SMALL, maximum_length=longest))
    epochs = [pairs_in(made, made.epoch(number)) for number in range(40)]
    assert {epoch.total() for epoch in epochs} == {1, 2}


def test_changed_pairs_still_translate():
    pair = SentencePair("Anna hat 3 Hunde.", "Anna has 3 dogs.", "de", "en")
    found = {augment(pair, Random(seed)) for seed in range(300)}
    assert {(each.source_language, each.target_language) for each in found} == {("de", "en")}
    texts = {(each.source, each.target) for each in found}
    lowered, unstopped = ("anna hat 3 hunde.", pair.target), ("Anna hat 3 Hunde", "Anna has 3 dogs")
    assert {lowered, unstopped} < texts
    for source, target in texts - {lowered, unstopped}:
        (name, number) = (source.split()[0], source.split()[2])
        assert {name, number} <= set(PLACEHOLDERS)
        assert (source, target) == (f"{name} hat {number} Hunde.", f"{name} has {number} dogs.")
    question = replace(pair, source="Hat sie?", target="Has she?")
    assert {augment(question, Random(seed)).target for seed in range(99)} == {"Has she?"}


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


def test_a_model_remembers_the_characters_it_has_seen(recipe):
    best = train_translator(replace(recipe, training=replace(QUICK, epochs=1)))
    characters = Translator.load(best, device="cpu").config.characters
    texts = recipe.pairs[0].source.read_text(encoding="utf-8")
    assert set(characters) == set(texts) - set("\t\n")
    assert list(characters) == sorted(characters)


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
        ({"pairs": [PAIR | {"share": 0.0}]}, r"pairs\[0\]: share must be above 0 and at most 1, got 0\.0"),
        ({"pairs": [PAIR | {"share": 1.5}]}, r"pairs\[0\]: share must be above 0 and at most 1, got 1\.5"),
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

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
import torch

from common.tokenizer import Tokenizer
from data.records import SentencePair
from data.synthetic import numbers
from translation.corpus import Corpus, augment, cut_words
from translation.dictionary import Dictionary
from translation.model import Translator
from translation.placeholders import PLACEHOLDERS
from translation.recipe import ModelSettings, PairFiles, TranslatorRecipe
from translation.splitting import Collection

SMALL = ModelSettings(
    embedding_size=16,
    encoder_size=12,
    encoder_layers=1,
    decoder_size=16,
    decoder_layers=1,
    heads=2,
    maximum_length=40,
)


FILES = PairFiles(Path("a"), "digits", "words", both_ways=False)


def corpus(*collections, model=SMALL, dictionary=None, **changes):
    """Of collections, each pairs and their share of an epoch; nothing is changed in them."""
    recipe = TranslatorRecipe(
        output=Path("out"),
        pairs=(FILES,),
        model=model,
        **({"augmentation": 0.0, "tokens_per_batch": 300} | changes),
    )
    tokenizer = Tokenizer.train(
        "byte-pair",
        [pair.target for pairs, _ in collections for pair in pairs],
        vocabulary_size=300,
        special_tokens=["<digits>", "<words>"],
    )
    translator = Translator(model.translator(len(tokenizer), ("digits-words", "words-digits")), tokenizer)
    translator.dictionary = dictionary or Dictionary()
    shown = [Collection(replace(FILES, share=share), pairs) for pairs, share in collections]
    return Corpus(translator, shown, recipe)


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


def test_an_epoch_shows_each_pair_once_and_is_the_same_every_time():
    made = corpus((NUMBERS, 1.0))
    epoch, again, other = made.epoch(3), made.epoch(3), made.epoch(4)
    assert pairs_in(made, epoch) == Counter((pair.source, pair.target) for pair in NUMBERS)
    for batch, same in zip(epoch, again, strict=True):
        assert torch.equal(batch.source, same.source)
        assert torch.equal(batch.target, same.target)
    assert max(max(batch.source.numel(), batch.target.numel()) for batch in epoch) <= 300
    assert [batch.source.tolist() for batch in epoch] != [batch.source.tolist() for batch in other]


def test_each_row_has_its_languages():
    turned = [SentencePair(pair.target, pair.source, "words", "digits") for pair in NUMBERS]
    made = corpus((NUMBERS + turned, 1.0))
    tags = [made.tokenizer.special(f"<{language}>") for language in ("words", "digits")]
    for batch in made.epoch(0):
        for source, language, target in zip(batch.source, batch.source_languages, batch.target, strict=True):
            is_digits = made.tokenizer.decode(source.tolist()).isdigit()
            assert made.languages[language] == ("digits" if is_digits else "words")
            assert target[0] == tags[0 if is_digits else 1]
            assert int((target == Tokenizer.EOS).sum()) == 1


@pytest.mark.parametrize("seed", [None, 4])
def test_a_batch_is_of_one_language(seed):
    turned = [SentencePair(pair.target, pair.source, "words", "digits") for pair in NUMBERS]
    made = corpus((NUMBERS + turned, 1.0), tokens_per_batch=120)
    batches = made.batches(NUMBERS + turned, seed=seed)
    assert pairs_in(made, batches).total() == 2 * len(NUMBERS)
    tags = [set(batch.target[:, 0].tolist()) for batch in batches]
    assert all(len(each) == 1 for each in tags)
    lengths = [max(batch.source.size(1) + 1, batch.target.size(1)) for batch in batches]
    assert (lengths == sorted(lengths, reverse=True)) is (seed is None)
    # Nor come all of one language before all of the other.
    assert sum(before != after for before, after in pairwise(tags)) > 2


def test_a_share_is_drawn_anew_for_each_epoch():
    made = corpus((NUMBERS, 0.25), (NUMBERS, 1.0))
    first, second = (pairs_in(made, made.epoch(number)) for number in (0, 1))
    assert first.total() == second.total() == 75
    drawn = {pair for pair, count in first.items() if count == 2}
    assert len(drawn) == 15
    assert drawn != {pair for pair, count in second.items() if count == 2}
    made = corpus((NUMBERS, 2.25))
    assert Counter(pairs_in(made, made.epoch(0)).values()) == {2: 45, 3: 15}


def test_what_a_change_makes_too_long_is_left_out_for_once():
    """A placeholder of three bytes stands for a number of two."""
    pairs = [
        SentencePair("aaaaaa 17", "bbbbbb 17", "digits", "words"),
        SentencePair("c", "d", "digits", "words"),
    ]
    plain = corpus((pairs, 1.0))
    longest = max(max(batch.source.size(1) + 1, batch.target.size(1)) for batch in plain.epoch(0))
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


def test_one_in_ten_pairs_comes_without_its_hints():
    hinted = [replace(pair, source=f"{pair.source}{{ x}}") for pair in NUMBERS * 20]
    made = corpus((hinted, 1.0), dictionary=Dictionary({"digits-words": {"one": "two"}}))
    found = pairs_in(made, made.epoch(0))
    assert {source.removesuffix("{ x}") for source, _ in found} == {pair.source for pair in NUMBERS}
    plain = sum(times for (source, _), times in found.items() if "{" not in source)
    # Give or take four standard deviations.
    assert plain == pytest.approx(120, abs=4 * (1200 * 0.1 * 0.9) ** 0.5)
    # Braces that are no hints stay where there are no hints.
    made = corpus((hinted, 1.0))
    assert pairs_in(made, made.epoch(0)) == Counter((pair.source, pair.target) for pair in hinted)


def test_a_hint_keeps_its_capitals():
    pair = SentencePair("Anna hat Hunde{ Dogs}.", "Anna has dogs.", "de", "en")
    found = {augment(pair, Random(seed)).source for seed in range(99)}
    assert "anna hat hunde{ Dogs}." in found
    assert all("{ Dogs}" in source for source in found)


def test_cut_words_are_the_same_text_spelled_otherwise():
    cut, whole = (corpus((NUMBERS, 1.0), word_cuts=rate) for rate in (0.3, 0.0))
    first, again, second = cut.epoch(0), cut.epoch(0), cut.epoch(1)
    everything = Counter((pair.source, pair.target) for pair in NUMBERS)
    assert pairs_in(cut, first) == pairs_in(cut, second) == everything
    spellings = [
        {tuple(row) for batch in batches for row in batch.target.tolist()}
        for batches in (first, again, second, whole.epoch(0))
    ]
    assert spellings[0] == spellings[1]
    assert not spellings[0] & (spellings[2] | spellings[3])


def test_validation_reads_words_uncut():
    cut, whole = (corpus((NUMBERS, 1.0), word_cuts=rate) for rate in (1.0, 0.0))
    for one, other in zip(cut.batches(NUMBERS, seed=None), whole.batches(NUMBERS, seed=None), strict=True):
        assert torch.equal(one.target, other.target)


def test_words_are_cut_between_letters_alone():
    text = "It’s 24 °C, naïve Übung: x①y"
    assert cut_words(text, 1.0, Random(0)) == [
        *("I", "t’s 24 °C, n", "a", "ï", "v", "e Ü", "b", "u", "n", "g: x①y"),
    ]
    assert cut_words("", 1.0, Random(0)) == [""]


def test_words_are_cut_as_often_as_wanted():
    parts = cut_words("a" * 100_001, 0.05, Random(0))
    assert "".join(parts) == "a" * 100_001
    # Of 100,000 places 5,000, give or take four standard deviations.
    assert len(parts) - 1 == pytest.approx(5000, abs=4 * (100_000 * 0.05 * 0.95) ** 0.5)

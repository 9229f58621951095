"""The reward is a sentence's BLEU; learning from it makes what is written score better."""

from dataclasses import replace
from pathlib import Path

import pytest
import sacrebleu
import torch

from common.rewards import RewardSettings
from common.tokenizer import Tokenizer
from data.synthetic import numbers
from translation.corpus import Corpus
from translation.model import Translator
from translation.recipe import ModelSettings, PairFiles, TranslatorRecipe
from translation.rewards import Reference, RewardBatch
from translation.splitting import Collection

PAIRS = numbers(60, seed=1)
MODEL = ModelSettings(
    embedding_size=16,
    encoder_size=24,
    encoder_layers=1,
    decoder_size=32,
    decoder_layers=1,
    heads=2,
    dropout=0.0,
    maximum_length=40,
)


@pytest.fixture
def corpus():
    files = PairFiles(Path("a"), "digits", "words", both_ways=False)
    reward = RewardSettings(samples=6, cross_entropy=0.0)
    recipe = TranslatorRecipe(
        Path("out"), (files,), model=MODEL, tokens_per_batch=600, augmentation=0.0, reward=reward
    )
    texts = [text for pair in PAIRS for text in (pair.source, pair.target)]
    tokenizer = Tokenizer.train(
        "byte-pair", texts, vocabulary_size=300, special_tokens=["<digits>", "<words>"]
    )
    torch.manual_seed(0)
    translator = Translator(MODEL.translator(len(tokenizer), ("digits-words", "words-digits")), tokenizer)
    return Corpus(translator, [Collection(files, PAIRS)], recipe), translator


def test_the_reward_is_the_bleu_of_the_sentence():
    reference = Reference("The dog runs in the snow.")
    texts = ["The dog runs in the snow.", "A dog runs in the snow.", "the dog", "", "Quite another thing!"]
    found = reference.rewards(texts, [True] * len(texts))
    for text, reward in zip(texts, found, strict=True):
        expected = sacrebleu.sentence_bleu(text, [reference.text]).score
        assert reward == pytest.approx(expected / 100)
    assert found[0] == pytest.approx(1)
    assert found[1] > found[2] > found[3] == 0


def test_batches_know_what_to_reward_by(corpus):
    corpus, _ = corpus
    batches = corpus.epoch(0)
    known = {pair.source: pair.target for pair in PAIRS}
    seen = 0
    for batch in batches:
        assert isinstance(batch, RewardBatch)
        for source, reference in zip(batch.pairs.source.tolist(), batch.references, strict=True):
            assert reference.text == known[corpus.tokenizer.decode(source)]
            seen += 1
    assert seen == len(PAIRS)
    assert len({batch.seed for batch in batches}) == len(batches) > 1
    assert [batch.seed for batch in corpus.epoch(0)] == [batch.seed for batch in batches]
    assert [batch.seed for batch in corpus.epoch(1)] != [batch.seed for batch in batches]


@torch.no_grad()
def mean_reward(translator, batches):
    losses = [translator.loss(replace(batch, seed=99)) for batch in batches]
    return -sum(loss.nats for loss in losses) / sum(loss.tokens for loss in losses)


def test_rewards_rise(corpus):
    """Of a model that writes number words, but mostly wrong ones."""
    corpus, translator = corpus
    optimizer = torch.optim.Adam(translator.parameters(), 0.01)

    def learn(batch):
        optimizer.zero_grad()
        translator.loss(batch).objective.backward()
        optimizer.step()

    batches = corpus.epoch(0)
    for _ in range(15):
        for batch in batches:
            learn(batch.pairs)
    before = mean_reward(translator, batches)
    for epoch in range(10):
        for batch in corpus.epoch(epoch):
            learn(batch)
    assert before > 0.05  # there is something to begin with
    assert mean_reward(translator, batches) > 1.2 * before


def test_the_languages_are_learned_beside(corpus):
    corpus, translator = corpus
    translator.loss(corpus.epoch(0)[0]).objective.backward()
    assert translator.language.weight.grad.any()
    assert translator.encoder.forwards[0].layer.weight_ih_l0.grad.any()

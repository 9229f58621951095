"""The reward is CIDEr-D with the end as a word, and its gradient that of the expected reward."""

from dataclasses import replace
from itertools import product

import pytest
import torch

from captioning.batches import CaptionBatch
from captioning.encoder import ImageEncoderConfig
from captioning.model import Captioner, CaptionerConfig
from captioning.rewards import END, References, RewardBatch, reference_words
from common.decoder import DecoderConfig
from common.metrics import CiderD, cider_d
from common.rewards import RewardSettings
from common.sampling import GREEDY
from common.shortlist import Shortlist
from common.tokenizer import Tokenizer

WORDS = [" dog", " cat", " runs"]
CAPTIONS = [["dog runs", "dog"], ["cat runs", "cat cat"], ["runs", "cat dog"]]
"""Of three photographs."""


def captioner_of(*, attention=True, dropout=0.0, length=3):
    """It writes nothing but WORDS and the end, and an end that is not reached is cut off."""
    torch.manual_seed(2)
    tokenizer = Tokenizer.train("word", ["".join(WORDS)], special_tokens=["<en>"])
    decoder = DecoderConfig(
        len(tokenizer), 8, 8, 1, summary_size=512, memory_size=8 * attention, heads=2, dropout=dropout
    )
    config = CaptionerConfig(ImageEncoderConfig("resnet18", 32), decoder, ("en",), length)
    captioner = Captioner(config, tokenizer)
    with torch.no_grad():
        captioner.decoder.embedding.weight *= 3
        for token in tokenizer.special_tokens:
            if token != "<eos>":
                captioner.decoder.bias[tokenizer.special(token)] = -90.0
    return captioner


REFERENCES = [[reference_words(caption) for caption in captions] for captions in CAPTIONS]
CIDER = CiderD(REFERENCES)


def batch_of(captioner, images, *, seed=0, **settings):
    features = torch.randn(3, 1, 1, 512, generator=torch.Generator().manual_seed(1))[images]
    tag = captioner.tokenizer.special("<en>")
    rows = [
        [tag, *captioner.tokenizer.encode(f" {caption}"), Tokenizer.EOS]
        for image in images
        for caption in CAPTIONS[image]
    ]
    captions = torch.tensor([row + [Tokenizer.PAD] * (4 - len(row)) for row in rows])
    references = [References(CIDER, REFERENCES[image]) for image in images]
    return RewardBatch(CaptionBatch(features, captions), references, RewardSettings(**settings), seed)


def test_rewards_are_cider_d_with_the_end_as_a_word():
    texts = ["A dog runs.", "cat", "Cat dog", "runs runs"]
    for image, references in enumerate(References(CIDER, group) for group in REFERENCES):
        found = references.rewards(texts, [True] * 4)
        for text, reward in zip(texts, found, strict=True):
            others = [list(group[0]) for group in REFERENCES]
            others[image] = reference_words(text)
            assert reward == pytest.approx(cider_d(others, REFERENCES)[image])


def test_breaking_off_is_worth_less():
    """Of two captions that say the same, by the n-grams without the end, one goes on to an article."""
    references = [[reference_words(text)] for text in ("a dog runs in a field", "a cat sits", "two men")]
    scorer = References(CiderD(references), references[0])
    whole, cut, dangling = scorer.rewards(
        ["a dog runs in a field", "a dog runs in a field", "a dog runs in a"], [True, False, True]
    )
    assert whole == pytest.approx(10.0)
    assert cut < whole
    assert dangling < whole
    without = CiderD([[words[:-1] for words in group] for group in references])
    plain = without.scores([["a", "dog", "runs", "in", "a"]], [references[0][0][:-1]])[0]
    assert dangling < plain  # the end costs what breaks off before it


def log_probability(captioner, features, tokens):
    """Of the sequence of one image, by plain autograd."""
    tag = captioner.tokenizer.special("<en>")
    logits, _ = captioner.decoder(torch.tensor([[tag, *tokens[:-1]]]), captioner.start(features))
    return logits.log_softmax(-1)[0, range(len(tokens)), list(tokens)].sum()


def sequences(captioner):
    """All that the captioner can write in three tokens, with whether each has ended."""
    words, eos = [captioner.tokenizer.encode(word)[0] for word in WORDS], Tokenizer.EOS
    ended = [(*tokens, eos) for length in range(3) for tokens in product(words, repeat=length)]
    return [(tokens, True) for tokens in ended] + [(tokens, False) for tokens in product(words, repeat=3)]


def gradient(captioner, objective):
    wanted = [parameter for parameter in captioner.parameters() if parameter.requires_grad]
    found = torch.autograd.grad(objective, wanted, allow_unused=True)
    return torch.cat([each.flatten() for each in found if each is not None])


@pytest.mark.parametrize("attention", [True, False], ids=["attention", "plain"])
def test_the_gradient_is_that_of_the_expected_reward(attention):
    """Against the sum over everything that can be written."""
    captioner = captioner_of(attention=attention)
    batch = batch_of(captioner, [1], samples=4000, cross_entropy=0.0)
    loss = captioner.loss(batch)
    probabilities, rewards = [], []
    for tokens, ended in sequences(captioner):
        probabilities.append(log_probability(captioner, batch.truth.features, tokens).exp())
        text = captioner.tokenizer.decode(list(tokens))
        rewards += batch.references[0].rewards([text], [ended])
    probabilities = torch.stack(probabilities)
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-4)
    expected = (probabilities * torch.tensor(rewards)).sum()
    assert -loss.nats / loss.tokens == pytest.approx(expected.item(), rel=0.05)
    exact = -gradient(captioner, expected)
    # The objective is a mean over tokens, the expectation one over samples.
    estimate = gradient(captioner, loss.objective)
    estimate *= mean_length(probabilities, captioner)
    assert (estimate - exact).norm() < 0.15 * exact.norm()


def mean_length(probabilities, captioner):
    lengths = torch.tensor([float(len(tokens)) for tokens, _ in sequences(captioner)])
    return (probabilities.detach() * lengths).sum()


def test_the_objective_is_the_log_probability_times_the_advantage_over_the_others(monkeypatch):
    """Worked out sample by sample, with plain autograd."""
    captioner, drawn, real = captioner_of(), [], Shortlist.decode
    monkeypatch.setattr(
        Shortlist, "decode", lambda *args, **items: drawn.append(real(*args, **items)) or drawn[-1]
    )
    batch = batch_of(captioner, [0, 2], samples=3, cross_entropy=0.0, seed=9)
    loss = captioner.loss(batch)
    objective, tokens, rewards = torch.zeros(()), 0, []
    for image, samples in enumerate(drawn[0]):
        features = batch.truth.features[image : image + 1]
        scores = [
            batch.references[image].rewards([captioner.tokenizer.decode(each.tokens)], [each.finished])[0]
            for each in samples
        ]
        rewards += scores
        for place, each in enumerate(samples):
            others = [score for other, score in enumerate(scores) if other != place]
            whole = [*each.tokens, *[Tokenizer.EOS] * each.finished]
            advantage = scores[place] - sum(others) / 2
            objective = objective - advantage * log_probability(captioner, features, whole)
            tokens += len(whole)
    assert len({each.tokens for samples in drawn[0] for each in samples}) > 2
    assert (loss.nats, loss.tokens) == (pytest.approx(-sum(rewards)), 6)
    torch.testing.assert_close(loss.objective, objective / tokens, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        gradient(captioner, loss.objective), gradient(captioner, objective / tokens), atol=1e-5, rtol=1e-3
    )


def test_cross_entropy_is_added():
    captioner = captioner_of()
    plain, mixed = (batch_of(captioner, [0, 1], cross_entropy=share) for share in (0.0, 0.3))
    truth = captioner.loss(plain.truth, 0.2)
    found = captioner.loss(mixed, 0.2).objective
    expected = captioner.loss(plain, 0.2).objective + 0.3 * truth.objective
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient(captioner, found), gradient(captioner, expected))


def test_samples_are_drawn_without_dropout_and_the_mode_is_kept():
    captioner = captioner_of(dropout=0.5).train()
    batch = batch_of(captioner, [0, 1, 2], samples=5)
    captioner.eval()
    expected = captioner.loss(batch).nats
    captioner.train()
    assert captioner.loss(batch).nats == expected
    assert captioner.training


def test_gradients_reach_every_weight_in_16_bits():
    """Weights that drawing has converted, without gradient, are not used again."""
    captioner = captioner_of().train()
    captioner.encoder.train_stages(1)
    batch = batch_of(captioner, [0, 1])
    truth = replace(batch.truth, features=torch.randn(2, 2, 2, 256))
    with torch.autocast("cpu", torch.bfloat16):
        captioner.loss(replace(batch, truth=truth)).objective.backward()
    missing = {
        name
        for name, parameter in captioner.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    }
    # There is but one place to look at, so nothing to learn about where to look.
    assert missing == {"decoder.attention.query.weight", "decoder.attention.key.weight"}


def test_other_seeds_draw_others():
    captioner = captioner_of()
    rewards = {captioner.loss(batch_of(captioner, [0, 1, 2], seed=seed)).nats for seed in (1, 1, 2, 3)}
    assert 1 < len(rewards) <= 3


@torch.no_grad()
def mean_reward(captioner):
    loss = captioner.loss(batch_of(captioner, [0, 1, 2], samples=100, cross_entropy=0.0, seed=99))
    return -loss.nats / loss.tokens


def test_rewards_rise():
    """A few steps from nothing: what it writes scores ever better."""
    captioner = captioner_of()
    before = mean_reward(captioner)
    optimizer = torch.optim.Adam([p for p in captioner.parameters() if p.requires_grad], 0.01)
    for step in range(60):
        loss = captioner.loss(batch_of(captioner, [0, 1, 2], samples=8, cross_entropy=0.0, seed=step))
        optimizer.zero_grad()
        loss.objective.backward()
        optimizer.step()
    assert mean_reward(captioner) > 2 * before
    features = batch_of(captioner, [0, 1, 2]).truth.features
    texts = [result.text for result in captioner.eval().caption_pixels(features, GREEDY)]
    assert len(set(texts)) > 1
    assert END not in " ".join(texts)

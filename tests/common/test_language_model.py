import math
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch

from common.config import build
from common.decoder import DecoderConfig
from common.errors import InputError
from common.language_model import LanguageModel, LanguageModelConfig, windows_of
from common.language_model_training import LanguageModelRecipe, ModelSettings, train_language_model
from common.sampling import GREEDY, Sampling
from common.search import Beam
from common.tokenizer import Tokenizer
from common.training import TrainingConfig

# A sentence is chosen word by word, each word from these with these probabilities.
WORDS = (
    {"the cat": 0.5, "a dog": 0.3, "my owl": 0.2},
    {" sees": 0.6, " likes": 0.4},
    {" the fish. ": 0.5, " a bone. ": 0.3, " mice. ": 0.2},
)


def sentences(count, seed):
    random = Random(seed)
    return "".join(
        random.choices(list(choice), list(choice.values()))[0] for _ in range(count) for choice in WORDS
    )


def model_of(text, kind="character", **shape):
    torch.manual_seed(1)
    tokenizer = Tokenizer.train(kind, [text], vocabulary_size=300 if kind == "byte-pair" else None)
    decoder = DecoderConfig(len(tokenizer), **({"embedding_size": 8, "hidden_size": 16, "layers": 2} | shape))
    return LanguageModel(LanguageModelConfig(decoder), tokenizer).eval()


@pytest.fixture(scope="module")
def model():
    return model_of(sentences(50, seed=1))


def log_probability(model, ids):
    """Of ids after a beginning token, from one call for the whole of them."""
    if not ids:
        return 0.0
    tokens = torch.tensor([[Tokenizer.BOS, *ids]])
    with torch.no_grad():
        logits, _ = model.decoder(tokens[:, :-1], model.decoder.start_empty(1))
    return float(logits.log_softmax(-1).gather(-1, tokens[:, 1:, None]).sum())


def test_measure_is_the_log_probability_of_the_whole_text(model):
    text = sentences(20, seed=2)
    score = model.measure(text)
    assert score.nats == pytest.approx(-log_probability(model, model.tokenizer.encode(text)), rel=1e-5)
    assert (score.tokens, score.characters) == (len(text), len(text))
    assert score.nats_per_character == pytest.approx(score.nats / len(text))


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
def test_measure_carries_the_state_from_chunk_to_chunk(model, chunk):
    text = sentences(4, seed=2)
    assert model.measure(text, chunk=chunk).nats == pytest.approx(model.measure(text).nats, rel=1e-5)


def test_streams_are_parts_measured_alone(model):
    text = sentences(4, seed=2)[:50]
    parts = [model.measure(text[start : start + 17]) for start in (0, 17, 34)]  # 17, 17 and 16 characters
    whole = model.measure(text, streams=3, chunk=5)
    assert whole.nats == pytest.approx(sum(part.nats for part in parts), rel=1e-5)
    assert whole.tokens == 50


def test_more_streams_than_characters(model):
    assert model.measure("cat", streams=16).nats == pytest.approx(
        sum(model.measure(letter).nats for letter in "cat"), rel=1e-5
    )


def test_a_word_model_counts_characters_too():
    model = model_of("one two three two one", "word")
    score = model.measure("one two")
    assert (score.tokens, score.characters) == (2, 7)
    assert score.nats_per_character == pytest.approx(score.nats / 7)


def test_an_empty_text_cannot_be_measured(model):
    with pytest.raises(ValueError, match="text must not be empty"):
        model.measure("")


def test_the_loss_is_what_measure_finds(model):
    text = sentences(2, seed=3)[:30]
    ids = model.tokenizer.encode(text)
    loss = model.loss(torch.tensor([[Tokenizer.BOS, *ids], [Tokenizer.BOS, *ids]]))
    assert loss.nats == pytest.approx(2 * model.measure(text).nats, rel=1e-5)
    assert loss.tokens == 60
    assert float(loss.objective.detach()) == pytest.approx(loss.nats / 60, rel=1e-5)


@pytest.mark.parametrize("strategy", [GREEDY, Sampling(seed=3), Beam(3)])
@pytest.mark.parametrize("prompt", ["", "the cat"])
def test_generate_continues_the_prompt(model, strategy, prompt):
    result = model.generate(prompt, 12, strategy)
    assert result.text == prompt + "".join(result.tokens)
    assert len(result.tokens) == len(result.log_probabilities) == 12
    ids = model.tokenizer.encode(prompt)
    added = model.tokenizer.encode("".join(result.tokens))
    expected = log_probability(model, ids + added) - log_probability(model, ids)
    assert result.score == pytest.approx(expected, abs=1e-3)
    assert result.score == pytest.approx(sum(result.log_probabilities))


def test_several_samples(model):
    result = model.generate("a dog", 20, Sampling(count=3, seed=1))
    texts = [each.text for each in (result, *result.alternatives)]
    assert len(set(texts)) == 3
    assert all(text.startswith("a dog") for text in texts)
    assert texts[0] == model.generate("a dog", 20, Sampling(seed=1)).text


def test_what_the_model_does_not_know_stays_in_the_text_and_is_not_read(model):
    known, unknown = model.generate("the cat", 15, GREEDY), model.generate("the ¿cat", 15, GREEDY)
    assert unknown.text == "the ¿cat" + known.text.removeprefix("the cat")
    assert unknown.log_probabilities == known.log_probabilities


@pytest.mark.parametrize("kind", ["character", "word", "byte-pair"])
@pytest.mark.parametrize("prompt", ["", "the cat", "the cat sees", "the cat "])
def test_words_keep_their_spaces(kind, prompt):
    """Whether a space stands before the first word depends on the prompt."""
    model = model_of(sentences(50, seed=1), kind)
    result = model.generate(prompt, 12, Sampling(seed=1))
    joined = "".join(result.tokens)
    if kind == "byte-pair":
        if "<0x" in joined:  # half a character, of which the text shows what there is
            joined = joined[: joined.index("<0x")]
        joined = joined if prompt else joined.removeprefix(" ")
    assert result.text.startswith(prompt + joined)


def test_special_tokens_are_never_generated():
    model = model_of("abc")
    with torch.no_grad():
        model.decoder.bias[:4] = 100.0
    result = model.generate("a", 50, Sampling(temperature=2.0))
    assert set(result.tokens) <= set("abc")
    assert result.score < -50 * 90  # that they were unlikely shows that the others were what is forbidden


@pytest.mark.parametrize(("storage", "nats"), [("float32", 0.0), ("bfloat16", 0.02), ("int8", 0.02)])
def test_saved_and_loaded(model, tmp_path, storage, nats):
    model.save(tmp_path / "model", storage)
    again = LanguageModel.load(tmp_path / "model", device="cpu")
    text = sentences(5, seed=5)
    assert again.measure(text).nats_per_character == pytest.approx(
        model.measure(text).nats_per_character, abs=nats, rel=0
    )
    if storage == "float32":
        assert again.generate("my", 50, Sampling(seed=2)) == model.generate("my", 50, Sampling(seed=2))


def test_windows():
    assert windows_of(range(10, 20), 4, 1) == [[1, 11, 12, 13, 14], [1, 15, 16, 17, 18]]
    assert windows_of(range(10, 20), 5, 0) == [[1, *range(10, 15)], [1, *range(15, 20)]]
    assert windows_of(range(3), 4, 0) == []


def recipe_for(folder, **changes):
    defaults = {
        "output": folder / "out",
        "text": Path("text.txt"),
        "window": 32,
        "windows_per_batch": 8,
        "prompt": "the",
        "model": ModelSettings(embedding_size=16, hidden_size=24, layers=2, storage="float32"),
        "training": TrainingConfig(
            epochs=3, warmup_steps=3, label_smoothing=0.0, precision="float32", device="cpu", save_minutes=0.0
        ),
    }
    return LanguageModelRecipe(**(defaults | changes))


@pytest.mark.parametrize(
    ("precision", "cell"), [("float32", "lstm"), ("bfloat16", "lstm"), ("bfloat16", "gru")]
)
def test_resumed_training_is_as_never_stopped(tmp_path, kill, assert_same_run, precision, cell):
    text = sentences(40, seed=1)
    whole = recipe_for(tmp_path / "whole")
    whole = replace(
        whole,
        training=replace(whole.training, precision=precision),
        model=replace(whole.model, cell=cell),
    )
    parts = replace(whole, output=tmp_path / "parts")
    train_language_model(whole, text)
    kill(4, lambda: train_language_model(parts, text))
    torch.rand(3)
    kill(8, lambda: train_language_model(parts, text, resume=True))
    best = train_language_model(parts, text, resume=True)
    assert_same_run(whole.output, parts.output)
    assert LanguageModel.load(best).generate("the", 5).text.startswith("the")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation_share": 0.0}, r"validation_share must be between 0 and 1, got 0\.0"),
        ({"validation_share": 1.0}, r"validation_share must be between 0 and 1"),
        ({"window": 0}, r"window must be at least 1, got 0"),
        ({"windows_per_batch": 0}, r"windows_per_batch must be at least 1"),
        ({"model": {"hidden_size": 0}}, r"model: hidden_size must be at least 1, got 0"),
        ({"model": {"dropout": 1.0}}, r"model: dropout must be in \[0, 1\), got 1\.0"),
        ({"training": {"epochs": 0}}, r"training: epochs must be at least 1, got 0"),
        ({"model": {"tokens": "letter"}}, r"model: tokens must be 'character' or 'word' or 'byte-pair'"),
    ],
)
def test_wrong_recipes(settings, message):
    with pytest.raises(InputError, match=f"^recipe: {message}"):
        build(LanguageModelRecipe, {"output": "out", "text": "text.txt"} | settings, "recipe")


def test_too_little_text(tmp_path):
    with pytest.raises(InputError, match=r"^text\.txt: 54 tokens are too few .* windows of 32"):
        train_language_model(recipe_for(tmp_path), "abc " * 15)


def period(text):
    """The shortest after which the text repeats itself, up to a third of its length; 0 for none."""
    return next((n for n in range(1, len(text) // 3) if text[n:] == text[:-n]), 0)


def test_a_model_learns_all_there_is_to_learn_then_greedy_loops_and_sampling_does_not(tmp_path):
    recipe = recipe_for(
        tmp_path,
        window=64,
        windows_per_batch=16,
        model=ModelSettings(embedding_size=16, hidden_size=64, layers=1, dropout=0.0, storage="float32"),
        training=TrainingConfig(
            epochs=8,
            learning_rate=1e-2,
            warmup_steps=20,
            label_smoothing=0.0,
            average_decay=0.98,
            device="cpu",
        ),
    )
    model = LanguageModel.load(train_language_model(recipe, sentences(3000, seed=1)), device="cpu")

    # The best that any model can do is the entropy of the choices.
    entropy = -sum(p * math.log(p) for choice in WORDS for p in choice.values())
    length = sum(p * len(word) for choice in WORDS for word, p in choice.items())
    score = model.measure(sentences(300, seed=2)).nats_per_character
    assert score < 1.08 * entropy / length

    assert 0 < period(model.generate("the cat", 600, GREEDY).text[300:]) <= 100
    sample = model.generate("the cat", 600, Sampling(seed=1)).text
    assert period(sample[300:]) == 0
    written = {sentence.strip() + ". " for sentence in sample.split(". ")[:-1]}
    possible = {a + b + c for a in WORDS[0] for b in WORDS[1] for c in WORDS[2]}
    assert len(written & possible) >= 8
    assert len(written - possible) <= 1

import json
import math
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch

from common.errors import InputError
from common.generation.model import LanguageModel
from common.generation.recipe import LanguageModelRecipe, ModelSettings
from common.generation.training import train_language_model
from common.sampling import GREEDY, Sampling
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


def recipe_for(folder, **changes):
    defaults = {
        "output": folder / "out",
        "text": Path("text.txt"),
        "window": 32,
        "windows_per_batch": 8,
        "prompt": "the",
        "model": ModelSettings(
            embedding_size=16, hidden_size=24, layers=2, recurrent_dropout=0.2, storage="float32"
        ),
        "training": TrainingConfig(
            epochs=3, warmup_steps=3, label_smoothing=0.0, precision="float32", device="cpu", save_minutes=0.0
        ),
    }
    return LanguageModelRecipe(**(defaults | changes))


@pytest.mark.parametrize(
    ("precision", "cell"), [("float32", "rnn"), ("bfloat16", "lstm"), ("bfloat16", "gru")]
)
def test_resumed_within_an_epoch_is_as_never_stopped(tmp_path, kill, assert_same_run, precision, cell):
    text = sentences(40, seed=1)
    whole = recipe_for(tmp_path / "whole")
    whole = replace(
        whole,
        training=replace(whole.training, precision=precision),
        model=replace(whole.model, cell=cell),
    )
    parts = replace(whole, output=tmp_path / "parts")
    train_language_model(whole, text)
    # Three epochs of four batches, each of which goes on where the one before stopped.
    kill(3, lambda: train_language_model(parts, text))
    torch.rand(3)
    kill(6, lambda: train_language_model(parts, text, resume=True))
    best = train_language_model(parts, text, resume=True)
    assert_same_run(whole.output, parts.output)
    assert LanguageModel.load(best).generate("the", 5).text.startswith("the")


def test_too_little_text(tmp_path):
    with pytest.raises(InputError, match=r"^text\.txt: 54 tokens are too few .* windows of 32"):
        train_language_model(recipe_for(tmp_path), "abc " * 15)


def test_samples_at_three_temperatures_and_comparable_figures(tmp_path):
    recipe = recipe_for(tmp_path)
    recipe = replace(recipe, training=replace(recipe.training, epochs=1))
    train_language_model(recipe, sentences(40, seed=1))
    (line,) = (recipe.output / "metrics.jsonl").read_text().splitlines()
    record = json.loads(line)
    starts = [f"temperature {temperature}: the" for temperature in (0.5, 0.8, 1.0)]
    assert [sample[: len(start)] for sample, start in zip(record["samples"], starts, strict=True)] == starts
    assert record["quality"] == -record["nats_per_character"]
    assert record["word_perplexity"] > math.exp(record["nats_per_character"])


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

"""Training a language model from a recipe."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from common.errors import InputError
from common.generation.batches import TextBatches
from common.generation.model import LanguageModel
from common.generation.recipe import LanguageModelRecipe
from common.generation.text import split_corpus
from common.sampling import Sampling
from common.training import Training, prepare
from common.training_loop import train
from common.validation import Validation

_TEMPERATURES = (0.5, 0.8, 1.0)
_STREAM = 1_000
"""Fewest characters of validation text that are read from an empty state."""


def train_language_model(
    recipe: LanguageModelRecipe,
    text: str,
    *,
    resume: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train a language model on ``text``; returns the directory of the best model.

    Raises:
        InputError: The text is too short, no checkpoint is there to resume from, or training diverged.
    """
    workers, config = prepare(recipe.training), recipe.training
    learned, held_out = split_corpus(text, recipe.validation_share)
    tokenizer = recipe.model.tokenizer(learned)
    ids = torch.tensor(tokenizer.encode(learned))
    if len(ids) < 2 * recipe.window * workers.count or not held_out:
        raise InputError(
            f"{recipe.text}: {len(ids)} tokens are too few to learn from in windows of {recipe.window}; "
            f"give more text or a smaller window"
        )
    model = LanguageModel(recipe.model.language_model(len(tokenizer)), tokenizer)
    weights = sum(parameter.numel() for parameter in model.parameters())
    workers.only_first(report)(
        f"{len(ids):,} tokens, {len(tokenizer):,} different, {weights / 1e6:.1f} million weights"
    )
    training = Training(model, config, config.epochs * len(_epoch(ids, recipe, workers.count, 0)))
    train(
        training,
        lambda epoch: _epoch(ids, recipe, workers.count, epoch),
        recipe.output,
        validate=lambda: _validate(model, held_out, recipe.prompt),
        keep=lambda directory: model.save(directory, recipe.model.storage),
        resume=resume,
        report=report,
    )
    return recipe.output / "best"


def _epoch(ids: Tensor, recipe: LanguageModelRecipe, workers: int, epoch: int) -> TextBatches:
    """The batches of an epoch; each cuts elsewhere, so that no place is always the first of its window."""
    return TextBatches(
        ids,
        window=recipe.window,
        streams=recipe.windows_per_batch,
        workers=workers,
        offset=Random(f"{recipe.training.seed}/{epoch}").randrange(len(ids)),
    )


def _validate(model: LanguageModel, text: str, prompt: str) -> Validation:
    """Nats a character, whose negative is the quality, and samples to read."""
    score = model.measure(text, streams=min(16, 1 + len(text) // _STREAM))
    figures = {
        "loss": score.nats / score.tokens,
        "nats_per_character": score.nats_per_character,
        "word_perplexity": score.word_perplexity,
    }
    samples = [
        f"temperature {temperature}: {model.generate(prompt, 150, Sampling(temperature)).text}"
        for temperature in _TEMPERATURES
    ]
    return Validation(figures, -score.nats_per_character, tuple(samples), "-nats a character")

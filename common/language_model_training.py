"""Training a language model from a recipe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from common.decoder import DecoderConfig
from common.errors import InputError
from common.language_model import LanguageModel, LanguageModelConfig, windows_of
from common.model_directory import Storage
from common.recurrence import Cell
from common.sampling import Sampling
from common.text import split_corpus
from common.tokenizer import Kind, Tokenizer
from common.training import Training, TrainingConfig, prepare
from common.training_loop import train
from common.validation import Validation


@dataclass(frozen=True)
class ModelSettings:
    """The shape of the model to train.

    Attributes:
        tokens: What a token is: ``"character"``, ``"word"`` or ``"byte-pair"``.
        vocabulary_size: Most tokens to keep; 0 for all that occur. Byte pairs need it.
        minimum_count: Rarer words or characters are unknown to the model.
        embedding_size: Size of a token's vector.
        hidden_size: Size of each layer.
        layers: Number of layers.
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        dropout: Share of activations zeroed while training.
        storage: How to keep the weights: ``"float32"``, ``"bfloat16"`` or ``"int8"``.
    """

    tokens: Kind = "character"
    vocabulary_size: int = 0
    minimum_count: int = 1
    embedding_size: int = 128
    hidden_size: int = 512
    layers: int = 2
    cell: Cell = "lstm"
    dropout: float = 0.3
    storage: Storage = "bfloat16"

    def __post_init__(self) -> None:
        self.language_model(1)  # so that a wrong shape is refused when the recipe is read

    def tokenizer(self, text: str) -> Tokenizer:
        """The tokenizer of what ``text`` is made of. Raises InputError as :meth:`Tokenizer.train` does."""
        return Tokenizer.train(
            self.tokens,
            [text],
            vocabulary_size=self.vocabulary_size or None,
            minimum_count=self.minimum_count,
        )

    def language_model(self, vocabulary_size: int) -> LanguageModelConfig:
        """The language model's full shape."""
        return LanguageModelConfig(
            DecoderConfig(
                vocabulary_size=vocabulary_size,
                embedding_size=self.embedding_size,
                hidden_size=self.hidden_size,
                layers=self.layers,
                cell=self.cell,
                dropout=self.dropout,
            )
        )


@dataclass(frozen=True)
class LanguageModelRecipe:
    """All that determines a trained language model.

    Attributes:
        output: Directory for the checkpoint, ``metrics.jsonl`` and the best model, ``best``.
        text: A plain text file.
        validation_share: The last part of it is kept to measure on.
        window: Tokens read in one piece in training.
        windows_per_batch: How many of them at once.
        prompt: What the samples shown in training start with.
        model: Shape of the model.
        training: How to train it.
    """

    output: Path
    text: Path
    validation_share: float = 0.1
    window: int = 256
    windows_per_batch: int = 32
    prompt: str = "\n"
    model: ModelSettings = field(default_factory=ModelSettings)
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(label_smoothing=0.0))

    def __post_init__(self) -> None:
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share must be between 0 and 1, got {self.validation_share}")
        for name in ("window", "windows_per_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


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
    ids = tokenizer.encode(learned)
    if len(ids) < 2 * recipe.window or not held_out:
        raise InputError(
            f"{recipe.text}: {len(ids)} tokens are too few to learn from in windows of {recipe.window}; "
            f"give more text or a smaller window"
        )
    model = LanguageModel(recipe.model.language_model(len(tokenizer)), tokenizer)
    weights = sum(parameter.numel() for parameter in model.parameters())
    workers.only_first(report)(
        f"{len(ids):,} tokens, {len(tokenizer):,} different, {weights / 1e6:.1f} million weights"
    )
    training = Training(model, config, config.epochs * len(_epoch(ids, recipe, 0)))
    train(
        training,
        lambda epoch: _epoch(ids, recipe, epoch),
        recipe.output,
        validate=lambda: _validate(model, held_out, recipe.prompt),
        keep=lambda directory: model.save(directory, recipe.model.storage),
        resume=resume,
        report=report,
    )
    return recipe.output / "best"


def _epoch(ids: Sequence[int], recipe: LanguageModelRecipe, epoch: int) -> list[Tensor]:
    """The batches of an epoch, each (windows, length)."""
    random = Random(f"{recipe.training.seed}/{epoch}")
    # Each epoch cuts elsewhere, so that no place is always the first of its window.
    windows = windows_of(ids, recipe.window, random.randrange(recipe.window))
    random.shuffle(windows)
    size = recipe.windows_per_batch
    return [torch.tensor(windows[start : start + size]) for start in range(0, len(windows), size)]


def _validate(model: LanguageModel, text: str, prompt: str) -> Validation:
    """Nats a character, whose negative is the quality, and a sample to read."""
    score = model.measure(text, streams=16 if len(text) > 50_000 else 1)
    figures = {"nats_per_character": score.nats_per_character, "perplexity": score.perplexity}
    sample = model.generate(prompt, 200, Sampling(temperature=0.7))
    return Validation(figures, -score.nats_per_character, (sample.text,), "-nats a character")

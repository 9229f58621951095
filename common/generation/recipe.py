"""What determines a trained language model: its text, its shape and how it is trained."""

from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from common.decoder import DecoderConfig
from common.generation.model import LanguageModelConfig
from common.model_directory import Storage
from common.recurrence import Cell
from common.tokenizer import Tokenizer
from common.tokenizer_kinds import Kind
from common.training import TrainingConfig


@dataclass(frozen=True)
class ModelSettings:
    """The shape of the model to train.

    Attributes:
        tokens: What a token is: ``"character"``, ``"word"`` or ``"byte-pair"``.
        vocabulary_size: Most tokens to keep; 0 for all that occur. Byte pairs need it.
        minimum_count: Rarer words or characters are unknown to the model, which never writes them.
        embedding_size: Size of a token's vector.
        hidden_size: Size of each layer.
        layers: Number of layers.
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        dropout: Share of activations zeroed while training, before, between and after the layers.
        recurrent_dropout: Share of the recurrent weights zeroed while training.
        embedding_dropout: Share of the vocabulary that is not read while training.
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
    recurrent_dropout: float = 0.0
    embedding_dropout: float = 0.0
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
                recurrent_dropout=self.recurrent_dropout,
                embedding_dropout=self.embedding_dropout,
            )
        )


@dataclass(frozen=True)
class LanguageModelRecipe:
    """All that determines a trained language model.

    Attributes:
        output: Directory for the checkpoint, ``metrics.jsonl`` and the best model, ``best``.
        text: A plain text file.
        validation_share: The last part of it is kept to measure on.
        window: Tokens read in one piece in training; gradients reach no farther back, what the model
            remembers does.
        windows_per_batch: How many of them at once: so many parts of the text are read side by side.
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


@dataclass(frozen=True)
class _Size:
    """What suits texts of up to ``most`` characters; in all, about ``read`` characters are read."""

    most: float
    hidden_size: int
    dropout: float
    recurrent_dropout: float
    read: int


# The less text, the sooner a model knows it by heart: it must be smaller, and be kept from doing so
# by more dropout. Of two layers of 320, one core without 16-bit arithmetic learns some 20,000 characters
# a second, one with it thrice as many: eleven million take from two to ten minutes.
_SIZES = (
    _Size(60_000, 192, 0.5, 0.3, 6_000_000),
    _Size(400_000, 320, 0.4, 0.2, 11_000_000),
    _Size(4_000_000, 512, 0.3, 0.2, 15_000_000),
    _Size(inf, 640, 0.1, 0.1, 25_000_000),
)
_EPOCHS = (3, 100)
_STEPS = 80
"""Fewest steps an epoch that are wanted; a batch has fewer streams for it, but not too few to be quick."""
_STREAMS = (4, 32)
_WINDOW: dict[Kind, int] = {"character": 128, "byte-pair": 64, "word": 48}
_CHARACTERS: dict[Kind, int] = {"character": 1, "byte-pair": 3, "word": 5}
"""Those of a token, about."""


def fitting_recipe(text: Path, output: Path, characters: int, tokens: Kind) -> LanguageModelRecipe:
    """A recipe that suits a text of so many characters: a book of 200,000 takes ten minutes at most."""
    size = next(size for size in _SIZES if characters <= size.most)
    window, by_character = _WINDOW[tokens], tokens == "character"
    streams = characters // (_CHARACTERS[tokens] * window * _STEPS)
    vocabulary = {"character": 0, "byte-pair": min(8000, max(300, characters // 200)), "word": 20_000}
    return LanguageModelRecipe(
        output,
        text,
        window=window,
        windows_per_batch=min(max(streams, _STREAMS[0]), _STREAMS[1]),
        model=ModelSettings(
            tokens,
            vocabulary_size=vocabulary[tokens],
            # Of a word that comes once nothing is to be learned, and half of all words do.
            minimum_count=2 if tokens == "word" else 1,
            embedding_size=128 if by_character else 200,
            hidden_size=size.hidden_size,
            # Of larger tokens there are fewer, which are known by heart the sooner.
            dropout=size.dropout if by_character else size.dropout + 0.1,
            recurrent_dropout=size.recurrent_dropout,
            embedding_dropout=0.0 if by_character else 0.1,
        ),
        training=TrainingConfig(
            epochs=min(max(size.read // characters, _EPOCHS[0]), _EPOCHS[1]),
            learning_rate=2e-3,
            warmup_steps=100,
            weight_decay=0.05,
            label_smoothing=0.0,
            average_decay=0.998,
            patience=10,
        ),
    )

"""What determines a trained translator: its data, its shape and how it is trained."""

import re
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from common.decoder import DecoderConfig
from common.model_directory import Storage
from common.recurrence import Cell
from common.rewards import RewardSettings
from common.training import TrainingConfig
from data.parallel import read_pairs
from data.records import SentencePair
from translation.encoder import EncoderConfig
from translation.records import TranslatorConfig


@dataclass(frozen=True)
class PairFiles:
    """One collection of sentence pairs.

    Attributes:
        source: A file of one sentence a line; alone, a TSV or JSONL of pairs.
        source_language: Such as ``"de"``.
        target_language: Such as ``"en"``.
        target: The translations, line by line.
        both_ways: Whether to learn the other direction from it too.
        share: Share of it to draw for each epoch, anew each time; with 2 all of it comes twice.
        name: What to call it in the figures of validation.
    """

    source: Path
    source_language: str
    target_language: str
    target: Path | None = None
    both_ways: bool = True
    share: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        for name in ("source_language", "target_language"):
            # A direction is written "de-en".
            if not re.fullmatch(r"[A-Za-z0-9_]+", getattr(self, name)):
                raise ValueError(f"{name} must be letters, digits and _, got {getattr(self, name)!r}")
        if not 0 < self.share < inf:
            raise ValueError(f"share must be a finite number above 0, got {self.share}")

    def read(self) -> list[SentencePair]:
        """All pairs, in both directions if so set. Raises InputError as the readers do."""
        pairs = read_pairs(
            self.source,
            self.target,
            source_language=self.source_language,
            target_language=self.target_language,
        )
        if not self.both_ways:
            return pairs
        turned = [SentencePair(p.target, p.source, p.target_language, p.source_language) for p in pairs]
        return pairs + turned


@dataclass(frozen=True)
class ModelSettings:
    """The shape of the model to train.

    Attributes:
        vocabulary_size: Of the byte pairs, which all languages share.
        embedding_size: Size of a word vector.
        encoder_size: Size of each direction of the encoder.
        encoder_layers: Number of bidirectional layers.
        decoder_size: Size of each layer of the decoder.
        decoder_layers: Number of layers of the decoder.
        attention: Whether the decoder may look back at the source at every word; without
            it, it has only the state that the encoder hands over.
        heads: Number of attention heads.
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        dropout: Share of activations zeroed while training.
        dictionary: Whether to find out what rare words are in the translations, and have them read
            with hints.
        maximum_length: Most tokens of a sentence; longer pairs are left out of training.
        storage: How to keep the weights: ``"float32"``, ``"bfloat16"`` or ``"int8"``.
    """

    vocabulary_size: int = 8000
    embedding_size: int = 256
    encoder_size: int = 256
    encoder_layers: int = 2
    decoder_size: int = 512
    decoder_layers: int = 2
    attention: bool = True
    heads: int = 4
    cell: Cell = "lstm"
    dropout: float = 0.3
    dictionary: bool = False
    maximum_length: int = 256
    storage: Storage = "bfloat16"

    def __post_init__(self) -> None:
        self.translator(self.vocabulary_size, ())  # so that a wrong shape is refused when the recipe is read

    def translator(self, vocabulary_size: int, directions: tuple[str, ...]) -> TranslatorConfig:
        """The translator's full shape."""
        wide = 2 * self.encoder_size
        return TranslatorConfig(
            EncoderConfig(
                self.embedding_size, self.encoder_size, self.encoder_layers, self.cell, self.dropout
            ),
            DecoderConfig(
                vocabulary_size=vocabulary_size,
                embedding_size=self.embedding_size,
                hidden_size=self.decoder_size,
                layers=self.decoder_layers,
                cell=self.cell,
                summary_size=wide,
                memory_size=wide if self.attention else 0,
                heads=self.heads,
                dropout=self.dropout,
            ),
            directions,
            self.maximum_length,
        )


@dataclass(frozen=True)
class TranslatorRecipe:
    """All that determines a trained translator.

    Attributes:
        output: Directory for the checkpoint, the log and the best model, ``best``.
        pairs: What to learn from.
        validation: What to measure on; none splits 5 % of the pairs off, at most 1,000.
        start_from: A model directory, or ``"built-in"``, whose vocabulary, shape, languages and
            weights to start from: of ``model``, only ``dropout`` and ``storage`` count then.
        adapter: Above 0, the model that is started from stays as it is, and what is trained is an
            adapter of this rank for the one language of all targets; see :mod:`translation.adapter`.
        model: Shape of the model.
        training: How to train it.
        tokens_per_batch: Most tokens of a side in a batch, padding counted.
        augmentation: Share of the pairs that are changed a little in each epoch: words that both
            sides have become placeholders, the final stop goes, or the source loses its capitals.
        word_cuts: Share of the places between two letters at which the training texts are cut in
            each epoch, so that words are seen in several spellings.
        reward: With it, translations that the model writes are learned from, by their BLEU.
        validation_sentences: How many of each direction's validation pairs to translate each epoch.
    """

    output: Path
    pairs: tuple[PairFiles, ...]
    validation: tuple[PairFiles, ...] = ()
    start_from: str = ""
    adapter: int = 0
    model: ModelSettings = field(default_factory=ModelSettings)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    tokens_per_batch: int = 3000
    augmentation: float = 0.1
    word_cuts: float = 0.0
    reward: RewardSettings | None = None
    validation_sentences: int = 300

    def __post_init__(self) -> None:
        if not self.pairs:
            raise ValueError("pairs must have at least one entry")
        if self.adapter < 0:
            raise ValueError(f"adapter must be 0 or a rank, got {self.adapter}")
        if self.adapter and not self.start_from:
            raise ValueError("adapter changes a model that there is: give start_from, such as built-in")
        for name in ("tokens_per_batch", "validation_sentences"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("augmentation", "word_cuts"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")

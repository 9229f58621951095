"""Training a translator from a recipe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import torch

from common.decoder import DecoderConfig
from common.errors import InputError
from common.metrics import translation_scores
from common.model_directory import Storage
from common.recurrence import Cell
from common.sampling import GREEDY
from common.tokenizer import Tokenizer
from common.training import Training, TrainingConfig, Validation, choose_device, train
from data.batches import bucket, pad
from data.parallel import read_pairs
from data.records import SentencePair
from translation.encoder import EncoderConfig
from translation.model import TranslationBatch, Translator, TranslatorConfig


@dataclass(frozen=True)
class PairFiles:
    """One collection of sentence pairs.

    Attributes:
        source: A file of one sentence a line; alone, a TSV or JSONL of pairs.
        source_language: Such as ``"de"``.
        target_language: Such as ``"en"``.
        target: The translations, line by line.
        both_ways: Whether to learn the other direction from it too.
        share: Share of it to draw for each epoch, anew each time.
    """

    source: Path
    source_language: str
    target_language: str
    target: Path | None = None
    both_ways: bool = True
    share: float = 1.0

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
    maximum_length: int = 256
    storage: Storage = "bfloat16"

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
        output: Directory for the checkpoint, ``metrics.jsonl`` and the best model, ``best``.
        pairs: What to learn from.
        validation: What to measure on.
        model: Shape of the model.
        training: How to train it.
        tokens_per_batch: Most tokens of a side in a batch, padding counted.
        validation_sentences: How many of each direction's validation pairs to translate each epoch.
    """

    output: Path
    pairs: tuple[PairFiles, ...]
    validation: tuple[PairFiles, ...]
    model: ModelSettings = field(default_factory=ModelSettings)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    tokens_per_batch: int = 3000
    validation_sentences: int = 300


def train_translator(
    recipe: TranslatorRecipe, *, resume: bool = False, report: Callable[[str], None] = lambda line: None
) -> Path:
    """Train a translator; returns the directory of the best model.

    Raises:
        InputError: The data cannot be read, no checkpoint is there to resume from, or training diverged.
    """
    config = recipe.training
    choose_device(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    collections = [files.read() for files in recipe.pairs]
    validation = [pair for files in recipe.validation for pair in files.read()]
    languages = sorted(
        {tag for pairs in collections for p in pairs for tag in (p.source_language, p.target_language)}
    )
    tokenizer = Tokenizer.train(
        "byte-pair",
        (text for pairs in collections for pair in pairs for text in (pair.source, pair.target)),
        vocabulary_size=recipe.model.vocabulary_size,
        special_tokens=[f"<{language}>" for language in languages],
    )
    directions = tuple(sorted({_direction(pair) for pairs in collections for pair in pairs}))
    _check_directions(directions, validation)
    translator = Translator(recipe.model.translator(len(tokenizer), directions), tokenizer)
    encoded = [_encode(pairs, tokenizer, recipe.model.maximum_length) for pairs in collections]
    weights = sum(parameter.numel() for parameter in translator.parameters())
    report(
        f"{sum(map(len, encoded)):,} pairs, {len(tokenizer):,} byte pairs, {weights / 1e6:.1f} million weights"
    )

    def batches(epoch: int) -> list[TranslationBatch]:
        return _epoch(
            encoded, [files.share for files in recipe.pairs], recipe.tokens_per_batch, config.seed, epoch
        )

    held_out = _encode(validation, tokenizer, recipe.model.maximum_length)
    checks = [_batch(held_out, rows) for rows in _bucket(held_out, recipe.tokens_per_batch, None)]
    training = Training(translator, config, config.epochs * len(batches(0)))
    train(
        training,
        batches,
        recipe.output,
        validate=lambda: _validate(translator, checks, validation, recipe.validation_sentences),
        keep=lambda directory: translator.save(directory, recipe.model.storage),
        resume=resume,
        report=report,
    )
    return recipe.output / "best"


Encoded = tuple[list[int], list[int]]


def _direction(pair: SentencePair) -> str:
    return f"{pair.source_language}-{pair.target_language}"


def _check_directions(directions: Sequence[str], validation: Sequence[SentencePair]) -> None:
    for direction in {_direction(pair) for pair in validation}:
        if direction not in directions:
            raise InputError(
                f"validation is {direction}, which no training pairs are; there are {', '.join(directions)}"
            )


def _encode(pairs: Sequence[SentencePair], tokenizer: Tokenizer, maximum_length: int) -> list[Encoded]:
    """Source and target ids with tags and ends; pairs with too long a side are left out."""
    sources = tokenizer.encode_batch([pair.source for pair in pairs])
    targets = tokenizer.encode_batch([pair.target for pair in pairs])
    encoded = []
    for pair, source, target in zip(pairs, sources, targets, strict=True):
        tag = tokenizer.special(f"<{pair.target_language}>")
        if max(len(source), len(target)) + 2 <= maximum_length:
            encoded.append(([tag, *source, Tokenizer.EOS], [tag, *target, Tokenizer.EOS]))
    return encoded


def _epoch(
    collections: Sequence[Sequence[Encoded]],
    shares: Sequence[float],
    tokens_per_batch: int,
    seed: int,
    epoch: int,
) -> list[TranslationBatch]:
    random = Random(f"{seed}/{epoch}")
    drawn = [
        pair
        for pairs, share in zip(collections, shares, strict=True)
        for pair in (pairs if share == 1 else random.sample(list(pairs), round(share * len(pairs))))
    ]
    return [_batch(drawn, rows) for rows in _bucket(drawn, tokens_per_batch, random.getrandbits(32))]


def _bucket(pairs: Sequence[Encoded], tokens_per_batch: int, seed: int | None) -> list[list[int]]:
    lengths = [max(len(source), len(target)) for source, target in pairs]
    return bucket(lengths, tokens_per_batch=tokens_per_batch, shuffle_seed=seed)


def _batch(pairs: Sequence[Encoded], rows: Sequence[int]) -> TranslationBatch:
    sources, targets = [pairs[row][0] for row in rows], [pairs[row][1] for row in rows]
    return TranslationBatch(
        torch.tensor(pad(sources, Tokenizer.PAD)),
        torch.tensor([len(source) for source in sources]),
        torch.tensor(pad(targets, Tokenizer.PAD)),
    )


def _validate(
    translator: Translator, checks: Sequence[TranslationBatch], pairs: Sequence[SentencePair], sentences: int
) -> Validation:
    """Loss on all validation pairs; greedy BLEU, the quality, on the first of each direction."""
    losses = [translator.loss(batch) for batch in checks]
    figures = {"loss": sum(loss.nats for loss in losses) / sum(loss.tokens for loss in losses)}
    samples = []
    for direction in sorted({_direction(pair) for pair in pairs}):
        some = [pair for pair in pairs if _direction(pair) == direction][:sentences]
        source, target = direction.split("-")
        written = [
            each.text for each in translator.translate([p.source for p in some], source, target, GREEDY)
        ]
        figures[f"bleu {direction}"] = translation_scores(written, [[p.target] for p in some]).bleu.value
        samples.append(f"{some[0].source} -> {written[0]}")
    scores = [value for name, value in figures.items() if name.startswith("bleu")]
    return Validation(figures, sum(scores) / len(scores), tuple(samples))

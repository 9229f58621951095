"""Training a translator from a recipe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch

from common.device import choose_device
from common.errors import InputError
from common.metrics import translation_scores
from common.sampling import GREEDY
from common.tokenizer import Tokenizer
from common.training import Training
from common.training_loop import Validation, train
from data.batches import bucket, pad
from data.records import SentencePair
from translation.model import TranslationBatch, Translator
from translation.recipe import PairFiles, TranslatorRecipe


@dataclass(frozen=True)
class Encoded:
    """A sentence pair and its ids: tag of the target language, tokens and end-of-sentence of each side."""

    pair: SentencePair
    source: list[int]
    target: list[int]


def train_translator(
    recipe: TranslatorRecipe, *, resume: bool = False, report: Callable[[str], None] = lambda line: None
) -> Path:
    """Train a translator; returns the directory of the best model.

    Raises:
        InputError: The data cannot be read, no checkpoint is there to resume from, or training diverged.
    """
    config, shape = recipe.training, recipe.model
    choose_device(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    collections = [files.read() for files in recipe.pairs]
    validation = [pair for files in recipe.validation for pair in files.read()]
    tokenizer = _train_tokenizer(collections, shape.vocabulary_size)
    directions = tuple(sorted({_direction(pair) for pairs in collections for pair in pairs}))
    _check_directions(directions, validation)
    translator = Translator(shape.translator(len(tokenizer), directions), tokenizer)
    encoded = [
        _encode(pairs, tokenizer, shape.maximum_length, files)
        for pairs, files in zip(collections, recipe.pairs, strict=True)
    ]
    held_out = _encode(validation, tokenizer, shape.maximum_length, recipe.validation[0])
    checks = [_batch(held_out, rows) for rows in _bucket(held_out, recipe.tokens_per_batch, None)]
    weights = sum(parameter.numel() for parameter in translator.parameters()) / 1e6
    report(f"{sum(map(len, encoded)):,} pairs, {len(tokenizer):,} byte pairs, {weights:.1f} million weights")
    training = Training(translator, config, config.epochs * len(_epoch(encoded, recipe, 0)))
    train(
        training,
        lambda epoch: _epoch(encoded, recipe, epoch),
        recipe.output,
        validate=lambda: _validate(translator, checks, held_out, recipe.validation_sentences),
        keep=lambda directory: translator.save(directory, shape.storage),
        resume=resume,
        report=report,
    )
    return recipe.output / "best"


def _train_tokenizer(collections: Sequence[Sequence[SentencePair]], size: int) -> Tokenizer:
    """One vocabulary of byte pairs for all languages, with a tag for each."""
    pairs = [pair for collection in collections for pair in collection]
    languages = sorted({tag for pair in pairs for tag in (pair.source_language, pair.target_language)})
    return Tokenizer.train(
        "byte-pair",
        (text for pair in pairs for text in (pair.source, pair.target)),
        vocabulary_size=size,
        special_tokens=[f"<{language}>" for language in languages],
    )


def _direction(pair: SentencePair) -> str:
    return f"{pair.source_language}-{pair.target_language}"


def _check_directions(directions: Sequence[str], validation: Sequence[SentencePair]) -> None:
    for direction in sorted({_direction(pair) for pair in validation}):
        if direction not in directions:
            known = ", ".join(directions)
            raise InputError(f"validation is {direction}, which no training pairs are; there are {known}")


def _encode(
    pairs: Sequence[SentencePair], tokenizer: Tokenizer, maximum_length: int, files: PairFiles
) -> list[Encoded]:
    """Leave out pairs with too long a side. Raises InputError, naming ``files``, if none are left."""
    sources = tokenizer.encode_batch([pair.source for pair in pairs])
    targets = tokenizer.encode_batch([pair.target for pair in pairs])
    encoded = []
    for pair, source, target in zip(pairs, sources, targets, strict=True):
        tag = tokenizer.special(f"<{pair.target_language}>")
        if max(len(source), len(target)) + 2 <= maximum_length:
            encoded.append(Encoded(pair, [tag, *source, Tokenizer.EOS], [tag, *target, Tokenizer.EOS]))
    if not encoded:
        raise InputError(
            f"{files.source}: all pairs are longer than {maximum_length} tokens; raise model.maximum_length"
        )
    return encoded


def _epoch(
    collections: Sequence[Sequence[Encoded]], recipe: TranslatorRecipe, epoch: int
) -> list[TranslationBatch]:
    """The batches of an epoch: of each collection its share, drawn anew."""
    random = Random(f"{recipe.training.seed}/{epoch}")
    drawn: list[Encoded] = []
    for pairs, files in zip(collections, recipe.pairs, strict=True):
        count = max(1, round(files.share * len(pairs)))
        drawn += pairs if files.share == 1 else random.sample(pairs, count)
    return [_batch(drawn, rows) for rows in _bucket(drawn, recipe.tokens_per_batch, random.getrandbits(32))]


def _bucket(pairs: Sequence[Encoded], tokens_per_batch: int, seed: int | None) -> list[list[int]]:
    lengths = [max(len(pair.source), len(pair.target)) for pair in pairs]
    return bucket(lengths, tokens_per_batch=tokens_per_batch, shuffle_seed=seed)


def _batch(pairs: Sequence[Encoded], rows: Sequence[int]) -> TranslationBatch:
    sources, targets = [pairs[row].source for row in rows], [pairs[row].target for row in rows]
    return TranslationBatch(
        torch.tensor(pad(sources, Tokenizer.PAD)),
        torch.tensor([len(source) for source in sources]),
        torch.tensor(pad(targets, Tokenizer.PAD)),
    )


def _validate(
    translator: Translator, checks: Sequence[TranslationBatch], held_out: Sequence[Encoded], sentences: int
) -> Validation:
    """Loss on all validation pairs; greedy BLEU, the quality, on the first of each direction."""
    losses = [translator.loss(batch) for batch in checks]
    figures = {"loss": sum(loss.nats for loss in losses) / sum(loss.tokens for loss in losses)}
    samples, scores = [], []
    pairs = [each.pair for each in held_out]
    for direction in sorted({_direction(pair) for pair in pairs}):
        some = [pair for pair in pairs if _direction(pair) == direction][:sentences]
        source, target = some[0].source_language, some[0].target_language
        results = translator.translate([pair.source for pair in some], source, target, GREEDY)
        written = [result.text for result in results]
        scores.append(translation_scores(written, [[pair.target] for pair in some]).bleu.value)
        figures[f"bleu {direction}"] = scores[-1]
        samples.append(f"{some[0].source} -> {written[0]}")
    return Validation(figures, sum(scores) / len(scores), tuple(samples))

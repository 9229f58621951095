"""Training a translator from a recipe."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import torch

from common.errors import InputError
from common.sampling import GREEDY
from common.tokenizer import Tokenizer
from common.training import Training, prepare
from common.training_loop import train
from common.validation import Validation
from data.batches import bucket, pad
from data.records import SentencePair
from translation.fine_tuning import start_from
from translation.model import Translator
from translation.placeholders import mask_shared
from translation.recipe import TranslatorRecipe
from translation.records import TranslationBatch
from translation.scores import bleu
from translation.splitting import Collection, read_collections


def train_translator(
    recipe: TranslatorRecipe, *, resume: bool = False, report: Callable[[str], None] = lambda line: None
) -> Path:
    """Train a translator; returns the directory of the best model.

    Raises:
        InputError: The data or the model to start from cannot be read, no checkpoint is there to
            resume from, or training diverged.
    """
    workers, config = prepare(recipe.training), recipe.training
    shown, held_out = read_collections(recipe)
    translator = _translator(recipe, [pair for collection in shown for pair in collection.pairs])
    _check_directions(translator, held_out)
    corpus = Corpus(translator, shown, recipe)
    held_out = [corpus.fitting(collection) for collection in held_out]
    weights = sum(parameter.numel() for parameter in translator.parameters()) / 1e6
    workers.only_first(report)(
        f"{sum(len(each.pairs) for each in corpus.collections):,} pairs and "
        f"{sum(len(each.pairs) for each in held_out):,} to validate on, "
        f"{len(translator.tokenizer):,} byte pairs, {weights:.1f} million weights"
    )
    checks = corpus.batches([pair for each in held_out for pair in each.pairs], seed=None)
    train(
        Training(translator, config, config.epochs * len(corpus.epoch(0))),
        corpus.epoch,
        recipe.output,
        validate=lambda: _validate(translator, checks, held_out, recipe.validation_sentences),
        keep=lambda directory: translator.save(directory, recipe.model.storage),
        resume=resume,
        report=report,
    )
    return recipe.output / "best"


def _translator(recipe: TranslatorRecipe, pairs: Sequence[SentencePair]) -> Translator:
    """The translator before it has learned from ``pairs``."""
    directions = sorted({_direction(pair) for pair in pairs})
    characters = _known_characters(pairs)
    if recipe.start_from:
        return start_from(recipe.start_from, directions, characters, recipe.model.dropout)
    tokenizer = _train_tokenizer(pairs, recipe)
    config = recipe.model.translator(len(tokenizer), tuple(directions))
    return Translator(replace(config, characters="".join(sorted(characters))), tokenizer)


def _known_characters(pairs: Sequence[SentencePair]) -> set[str]:
    """Those that come at least once in a million characters: a model learns nothing from rarer ones."""
    counts = Counter[str]()
    for pair in pairs:
        counts.update(pair.source)
        counts.update(pair.target)
    total = counts.total()
    return {character for character, count in counts.items() if count * 1_000_000 >= total}


def _train_tokenizer(pairs: Sequence[SentencePair], recipe: TranslatorRecipe) -> Tokenizer:
    """One vocabulary of byte pairs, placeholders among them, for all languages, with a tag for each."""
    languages = sorted({tag for pair in pairs for tag in (pair.source_language, pair.target_language)})
    random = Random(recipe.training.seed)
    pairs = [augment(pair, random) if random.random() < recipe.augmentation else pair for pair in pairs]
    return Tokenizer.train(
        "byte-pair",
        (text for pair in pairs for text in (pair.source, pair.target)),
        vocabulary_size=recipe.model.vocabulary_size,
        special_tokens=[f"<{language}>" for language in languages],
    )


def _direction(pair: SentencePair) -> str:
    return f"{pair.source_language}-{pair.target_language}"


def _check_directions(translator: Translator, validation: Sequence[Collection]) -> None:
    known = translator.config.directions
    for direction in sorted({_direction(pair) for each in validation for pair in each.pairs}):
        if direction not in known:
            raise InputError(
                f"validation is {direction}, which no training pairs are; there are {', '.join(known)}"
            )


class Corpus:
    """The training pairs, of which each epoch draws its batches."""

    def __init__(
        self, translator: Translator, collections: Sequence[Collection], recipe: TranslatorRecipe
    ) -> None:
        self.tokenizer, self.languages = translator.tokenizer, translator.languages
        self.limit, self.recipe = translator.config.maximum_length, recipe
        self._encoded: dict[str, list[int]] = {}
        self.collections = [self.fitting(collection) for collection in collections]

    def fitting(self, collection: Collection) -> Collection:
        """The collection without the pairs that are longer than the model takes.

        Raises:
            InputError: None are left.
        """
        pairs = [collection.pairs[row] for row in self._rows(collection.pairs)]
        if not pairs:
            raise InputError(
                f"{collection.files.source}: all pairs are longer than {self.limit} tokens; "
                f"split them, or raise model.maximum_length"
            )
        return replace(collection, pairs=pairs)

    def epoch(self, number: int) -> list[TranslationBatch]:
        """The batches of an epoch: of each collection its share, drawn anew, some pairs changed a little."""
        random = Random(f"{self.recipe.training.seed}/{number}")
        drawn: list[SentencePair] = []
        for each in self.collections:
            drawn += random.sample(each.pairs, max(1, round(each.files.share * len(each.pairs))))
        chosen = [random.random() < self.recipe.augmentation for _ in drawn]
        pairs = [augment(pair, random) if each else pair for pair, each in zip(drawn, chosen, strict=True)]
        return self.batches(pairs, seed=random.getrandbits(32))

    def batches(self, pairs: Sequence[SentencePair], seed: int | None) -> list[TranslationBatch]:
        """Batches of pairs of similar length, without those that a change has made too long."""
        rows = self._rows(pairs)
        lengths = [self._length(pairs[row]) for row in rows]
        buckets = bucket(lengths, tokens_per_batch=self.recipe.tokens_per_batch, shuffle_seed=seed)
        return [self._batch([pairs[rows[place]] for place in each]) for each in buckets]

    def _rows(self, pairs: Sequence[SentencePair]) -> list[int]:
        """Which of the pairs are not too long; all of them are encoded."""
        texts = [text for pair in pairs for text in (pair.source, pair.target)]
        new = list(dict.fromkeys(text for text in texts if text not in self._encoded))
        self._encoded.update(zip(new, self.tokenizer.encode_batch(new), strict=True))
        return [row for row, pair in enumerate(pairs) if self._length(pair) <= self.limit]

    def _length(self, pair: SentencePair) -> int:
        return max(len(self._encoded[pair.source]), len(self._encoded[pair.target])) + 2

    def _batch(self, pairs: Sequence[SentencePair]) -> TranslationBatch:
        tags = [self.tokenizer.special(f"<{pair.target_language}>") for pair in pairs]
        read = [[*self._encoded[pair.source], Tokenizer.EOS] for pair in pairs]
        written = [
            [tag, *self._encoded[pair.target], Tokenizer.EOS] for tag, pair in zip(tags, pairs, strict=True)
        ]
        return TranslationBatch(
            torch.tensor(pad(read, Tokenizer.PAD)),
            torch.tensor([len(each) for each in read]),
            torch.tensor([self.languages.index(pair.source_language) for pair in pairs]),
            torch.tensor(pad(written, Tokenizer.PAD)),
        )


def augment(pair: SentencePair, random: Random) -> SentencePair:
    """Change a pair as users' sentences differ from those of a corpus, so that it still translates."""
    source, target, chance = pair.source, pair.target, random.random()
    if chance < 0.15:
        source = source.lower()
    elif chance < 0.4 and source.endswith(".") and target.endswith("."):
        source, target = source[:-1], target[:-1]
    else:
        source, target = mask_shared(source, target, random)
    return replace(pair, source=source, target=target)


def _validate(
    translator: Translator,
    checks: Sequence[TranslationBatch],
    held_out: Sequence[Collection],
    sentences: int,
) -> Validation:
    """Loss on all validation pairs; greedy BLEU, the quality, on the first of each direction."""
    losses = [translator.loss(batch) for batch in checks]
    figures = {"loss": sum(loss.nats for loss in losses) / sum(loss.tokens for loss in losses)}
    samples, scores = [], []
    for collection in held_out:
        for direction in sorted({_direction(pair) for pair in collection.pairs}):
            some = [pair for pair in collection.pairs if _direction(pair) == direction][:sentences]
            results = translator.translate_sentences(
                [pair.source for pair in some], some[0].target_language, GREEDY, items=range(len(some))
            )
            written = [result.text for result in results]
            scores.append(bleu(written, [[pair.target] for pair in some]).value)
            figures[" ".join(filter(None, ["bleu", collection.files.name, direction]))] = scores[-1]
            samples.append(f"{some[0].source} -> {written[0]}")
    return Validation(figures, sum(scores) / len(scores), tuple(samples), "BLEU")

"""Training a translator from a recipe."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

from common.device import choose_device
from common.errors import InputError
from common.sampling import GREEDY
from common.tokenizer import Tokenizer
from common.training import Training, prepare
from common.training_loop import train
from common.validation import Validation
from data.records import SentencePair
from translation.adapting import Apprentice, with_adapter
from translation.corpus import Corpus, augment
from translation.fine_tuning import start_from
from translation.model import Translator
from translation.rare_words import learn_rare_words
from translation.recipe import TranslatorRecipe
from translation.records import TranslationBatch
from translation.scores import bleu
from translation.seen import seen_characters, seen_names, seen_words
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
    known = translator.dictionary
    if known or (recipe.model.dictionary and not recipe.start_from):
        shown = _with_hints(translator, shown)
    learner: Translator | Apprentice = translator
    if recipe.adapter:
        translator.dictionary = known  # it stays as it is
        learner = Apprentice(translator.to(choose_device(config.device)), shown[0].pairs[0].target_language)
    held_out = [replace(each, pairs=_as_read(translator, each.pairs)) for each in held_out]
    corpus = Corpus(translator, shown, recipe)
    held_out = [corpus.fitting(collection) for collection in held_out]
    weights = sum(each.numel() for each in learner.parameters() if each.requires_grad) / 1e6
    workers.only_first(report)(
        f"{sum(len(each.pairs) for each in corpus.collections):,} pairs and "
        f"{sum(len(each.pairs) for each in held_out):,} to validate on, "
        f"{len(translator.tokenizer):,} byte pairs, {weights:.1f} million weights"
        + (f", hints for {len(translator.dictionary):,} rare words" if translator.dictionary else "")
    )
    checks = corpus.batches([pair for each in held_out for pair in each.pairs], seed=None)
    train(
        Training(learner, config, config.epochs * len(corpus.epoch(0))),
        corpus.epoch,
        recipe.output,
        validate=lambda: _validate(translator, learner, checks, held_out, recipe.validation_sentences),
        keep=lambda directory: translator.save(directory, recipe.model.storage),
        resume=resume,
        report=report,
    )
    return recipe.output / "best"


def _translator(recipe: TranslatorRecipe, pairs: Sequence[SentencePair]) -> Translator:
    """The translator before it has learned from ``pairs``."""
    if recipe.adapter:
        return with_adapter(recipe.start_from, pairs, recipe.adapter, recipe.model.dropout)
    directions = sorted({_direction(pair) for pair in pairs})
    texts = {text for pair in pairs for text in (pair.source, pair.target)}
    if recipe.start_from:
        translator = start_from(recipe.start_from, pairs, recipe.model.dropout)
    else:
        tokenizer = _train_tokenizer(pairs, recipe)
        config = recipe.model.translator(len(tokenizer), tuple(directions))
        seen = replace(
            config,
            characters=seen_characters(texts),
            words=seen_words(texts),
            names=seen_names(pairs),
            vocabularies=True,
        )
        translator = Translator(seen, tokenizer)
    for language in {pair.target_language for pair in pairs}:
        translator.note_vocabulary(
            language, {pair.target for pair in pairs if pair.target_language == language}
        )
    return translator


def _with_hints(translator: Translator, collections: Sequence[Collection]) -> list[Collection]:
    """What the translator is to read of each collection; what rare words are is put on record."""
    pairs = [pair for each in collections for pair in each.pairs]
    translator.dictionary, sources = learn_rare_words(pairs, translator.dictionary)
    hinted = (
        replace(pair, source=translator.begun(source)) for pair, source in zip(pairs, sources, strict=True)
    )
    return [replace(each, pairs=list(islice(hinted, len(each.pairs)))) for each in collections]


def _as_read(translator: Translator, pairs: Sequence[SentencePair]) -> list[SentencePair]:
    return [
        replace(pair, source=translator.as_read(pair.source, pair.source_language, pair.target_language))
        for pair in pairs
    ]


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


def _validate(
    translator: Translator,
    learner: Translator | Apprentice,
    checks: Sequence[TranslationBatch],
    held_out: Sequence[Collection],
    sentences: int,
) -> Validation:
    """Loss on all validation pairs; greedy BLEU, the quality, on the first of each direction."""
    losses = [learner.loss(batch) for batch in checks]
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

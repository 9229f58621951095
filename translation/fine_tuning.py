"""A translator that has learned already, made ready to learn from other pairs."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from common.errors import InputError
from data.records import SentencePair
from translation.languages import languages_of
from translation.model import Translator
from translation.seen import seen_characters, seen_names, seen_words

BUILT_IN = "built-in"


def start_from(name: str, pairs: Collection[SentencePair], dropout: float) -> Translator:
    """Load a translator with its tokenizer, shape and languages; what the pairs bring is added to its own.

    It begins as it is for the language of the targets if that is one, otherwise without its adapters.

    Args:
        name: ``"built-in"``, or a model directory.
        pairs: To learn from, of languages that the model knows.
        dropout: For the training to come.

    Raises:
        InputError: The model cannot be loaded, or does not know a language.
    """
    known = Translator.load(None if name == BUILT_IN else Path(name), device="cpu")
    languages = languages_of(known.tokenizer)
    for language in sorted({each for pair in pairs for each in (pair.source_language, pair.target_language)}):
        if language not in languages:
            raise InputError(
                f"start_from {name}: the model does not know {language}, it knows {', '.join(languages)}; "
                f"name the languages as it does, or train from scratch"
            )
    directions = {f"{pair.source_language}-{pair.target_language}" for pair in pairs}
    texts = {text for pair in pairs for text in (pair.source, pair.target)}
    characters = {*known.config.characters, *seen_characters(texts)}
    words = {*known.config.words.split(), *seen_words(texts).split()}
    names = {*known.config.names.split(), *seen_names(pairs).split()}
    config = replace(
        known.config,
        encoder=replace(known.config.encoder, dropout=dropout),
        decoder=replace(known.config.decoder, dropout=dropout),
        directions=tuple(sorted({*known.config.directions, *directions})),
        # A model that has none on record takes all for known.
        characters=known.config.characters and "".join(sorted(characters)),
        words=known.config.words and " ".join(sorted(words)),
        names=" ".join(sorted(names)),
        adapters=(),
    )
    translator = Translator(config, known.tokenizer)
    targets = {pair.target_language for pair in pairs}
    begun = known.adapted(*targets) if len(targets) == 1 else known
    weights = {name: begun.state_dict()[name] for name in translator.state_dict()}
    for part in ("language.weight", "language.bias"):
        # A language that was only written until now may be read now: telling it is to be learned.
        whole = translator.state_dict()[part].clone()
        whole[[translator.languages.index(each) for each in known.languages]] = weights[part]
        weights[part] = whole
    translator.load_state_dict(weights)
    translator.dictionary = known.dictionary
    return translator

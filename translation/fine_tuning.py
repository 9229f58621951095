"""A translator that has learned already, made ready to learn from other pairs."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from common.errors import InputError
from translation.languages import languages_of
from translation.model import Translator
from translation.seen import seen_characters, seen_words

BUILT_IN = "built-in"


def start_from(name: str, directions: Collection[str], texts: Collection[str], dropout: float) -> Translator:
    """Load a translator with its tokenizer, shape and languages; what the pairs bring is added to its own.

    Args:
        name: ``"built-in"``, or a model directory.
        directions: Such as ``"de-en"``; of languages that the model knows.
        texts: Of the pairs, each once.
        dropout: For the training to come.

    Raises:
        InputError: The model cannot be loaded, or does not know a language.
    """
    known = Translator.load(None if name == BUILT_IN else Path(name), device="cpu")
    languages = languages_of(known.tokenizer)
    for language in sorted({language for direction in directions for language in direction.split("-")}):
        if language not in languages:
            raise InputError(
                f"start_from {name}: the model does not know {language}, it knows {', '.join(languages)}; "
                f"name the languages as it does, or train from scratch"
            )
    characters = {*known.config.characters, *seen_characters(texts)}
    words = {*known.config.words.split(), *seen_words(texts).split()}
    config = replace(
        known.config,
        encoder=replace(known.config.encoder, dropout=dropout),
        decoder=replace(known.config.decoder, dropout=dropout),
        directions=tuple(sorted({*known.config.directions, *directions})),
        # A model that has none on record takes all for known.
        characters=known.config.characters and "".join(sorted(characters)),
        words=known.config.words and " ".join(sorted(words)),
    )
    translator = Translator(config, known.tokenizer)
    weights = known.state_dict()
    for part in ("language.weight", "language.bias"):
        # A language that was only written until now may be read now: telling it is to be learned.
        whole = translator.state_dict()[part].clone()
        whole[[translator.languages.index(each) for each in known.languages]] = weights[part]
        weights[part] = whole
    translator.load_state_dict(weights)
    return translator

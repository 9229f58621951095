"""A captioner that has learned already, made ready to learn from other photographs."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from captioning.model import Captioner
from common.errors import InputError

BUILT_IN = "built-in"


def start_from(name: str, languages: Collection[str], dropout: float) -> Captioner:
    """Load a captioner with its tokenizer, shape and languages.

    Args:
        name: ``"built-in"``, or a model directory.
        languages: Those of the captions; the model is to know them.
        dropout: For the training to come.

    Raises:
        InputError: The model cannot be loaded, or does not know a language.
    """
    known = Captioner.load(None if name == BUILT_IN else Path(name), device="cpu")
    for language in languages:
        if language not in known.config.languages:
            raise InputError(
                f"start_from {name}: the model does not write {language}, it writes "
                f"{', '.join(known.config.languages)}; name the languages as it does, or train from scratch"
            )
    captioner = Captioner(
        replace(known.config, decoder=replace(known.config.decoder, dropout=dropout)), known.tokenizer
    )
    captioner.load_state_dict(known.state_dict())
    return captioner

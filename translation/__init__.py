"""Translation, many-to-many: an encoder reads a sentence, the shared decoder writes another."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translation.glossary import Glossary
    from translation.model import Translator

__all__ = ["Glossary", "Translator"]

_MODULES = {"Glossary": "glossary", "Translator": "model"}


def __getattr__(name: str) -> Any:
    """Import a class when it is asked for: the command line must not wait for PyTorch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"translation.{_MODULES[name]}"), name)

"""Translation, many-to-many: an encoder reads a sentence, the shared decoder writes another."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translation.glossary import Glossary
    from translation.model import Translator

__all__ = ["Glossary", "Translator"]


def __getattr__(name: str) -> Any:
    """Import a class when it is asked for: the command line must not wait for PyTorch."""
    if name == "Glossary":
        from translation.glossary import Glossary

        return Glossary
    if name == "Translator":
        from translation.model import Translator

        return Translator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

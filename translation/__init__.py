"""Translation, many-to-many: an encoder reads a sentence, the shared decoder writes another."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translation.model import Translator

__all__ = ["Translator"]


def __getattr__(name: str) -> Any:
    """Import :class:`Translator` when it is asked for: the command line must not wait for PyTorch."""
    if name != "Translator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from translation.model import Translator

    return Translator

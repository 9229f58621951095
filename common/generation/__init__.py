"""Text generation: the shared decoder alone reads a prompt into its state and goes on."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.generation.model import LanguageModel

__all__ = ["LanguageModel"]


def __getattr__(name: str) -> Any:
    """Import :class:`LanguageModel` when it is asked for: the command line must not wait for PyTorch."""
    if name != "LanguageModel":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from common.generation.model import LanguageModel

    return LanguageModel

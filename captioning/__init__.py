"""Captioning, one-to-many: a photograph becomes the first state of the shared decoder."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captioning.model import Captioner

__all__ = ["Captioner"]


def __getattr__(name: str) -> Any:
    """Import :class:`Captioner` when it is asked for: the command line must not wait for PyTorch."""
    if name != "Captioner":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from captioning.model import Captioner

    return Captioner

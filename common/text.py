"""Plain text for language models."""

from pathlib import Path

from common.errors import InputError
from common.files import read_text


def read_corpus(path: Path) -> str:
    r"""Return a text, plain or gzip, with ``\r\n`` turned into ``\n``.

    Raises:
        InputError: If the file cannot be read, is not UTF-8 or holds no text.
    """
    text = read_text(path).replace("\r\n", "\n")
    if not text.strip():
        raise InputError(f"{path} is empty; give a file with text to learn from")
    return text


def split_corpus(text: str, validation_share: float = 0.1) -> tuple[str, str]:
    """Split a text into its beginning, for training, and its last share, for validation.

    Raises:
        ValueError: If the share is not in [0, 1].
    """
    if not 0 <= validation_share <= 1:
        raise ValueError(f"validation_share must be in [0, 1], got {validation_share!r}")
    boundary = len(text) - round(len(text) * validation_share)
    return text[:boundary], text[boundary:]

"""Plain text for language models."""

from pathlib import Path

from common.errors import InputError
from data.files import read_text


def read_corpus(path: Path) -> str:
    r"""Return a text, plain or gzip, with ``\r\n`` turned into ``\n``.

    Raises:
        InputError: If the file cannot be read, is not UTF-8 or holds no text.
    """
    text = read_text(path).replace("\r\n", "\n")
    if not text.strip():
        raise InputError(f"{path} is empty; give a file with text to learn from")
    return text


def split_corpus(text: str, validation_fraction: float = 0.1) -> tuple[str, str]:
    """Split a text into its beginning, for training, and its end, for validation.

    The first ``1 - validation_fraction`` of the characters (rounded down) train,
    as is usual for tinyshakespeare.

    Raises:
        ValueError: If the fraction is not in [0, 1).
    """
    if not 0 <= validation_fraction < 1:
        raise ValueError(f"validation_fraction must be in [0, 1), got {validation_fraction!r}")
    boundary = int(len(text) * (1 - validation_fraction))
    return text[:boundary], text[boundary:]

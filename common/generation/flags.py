"""What the commands of text generation share."""

from pathlib import Path

BUILT_IN = Path(__file__).parent / "pretrained"
"""The built-in language model."""

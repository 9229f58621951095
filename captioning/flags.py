"""Flags that the commands of captioning share."""

from pathlib import Path

BUILT_IN = Path(__file__).parent / "pretrained"
"""The built-in captioner."""

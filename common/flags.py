"""Flags that commands of several applications share, and what names a model in what they print."""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any


def signature(directory: Path) -> str:
    """What tells one set of weights from another: the start of their files' SHA-256."""
    digest = hashlib.sha256((directory / "model.safetensors").read_bytes())
    # Small models that have a say beside it.
    for other in sorted(directory.glob("rescorers/*/model.safetensors")):
        digest.update(other.read_bytes())
    return digest.hexdigest()[:8]


def changed_flags(
    options: argparse.Namespace, *adders: Callable[[argparse.ArgumentParser], None]
) -> dict[str, Any]:
    """The flags, of those that ``adders`` add, whose values are not the usual ones, and these values."""
    probe = argparse.ArgumentParser()
    for add in adders:
        add(probe)
    usual, values = vars(probe.parse_args([])), vars(options)
    names = {flag: flag[2:].replace("-", "_") for flag in re.findall(r"--[a-z-]+", probe.format_usage())}
    return {flag: values[name] for flag, name in names.items() if values.get(name) != usual.get(name)}

"""``inwords models``: what is built in."""

from __future__ import annotations

import argparse

from common.cli import applications
from common.errors import InputError


def configure(_: argparse.ArgumentParser) -> None:
    """The command has no arguments."""


def run(_: argparse.Namespace) -> int:
    """Print the head of each model card."""
    for application in applications():
        card = application.built_in / "README.md"
        try:
            lines = card.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise InputError(f"{card}: missing; install inwords again") from error
        size = sum(file.stat().st_size for file in application.built_in.rglob("*") if file.is_file())
        # A card begins with what was trained on what, and then what it scores; the rest is for reading there.
        ends = [place for place, line in enumerate(lines) if line.startswith("## ") and line != "## Scores"]
        print("\n".join(lines[: ends[0] if ends else None]).rstrip())
        print(f"\n{application.built_in} ({size / 1e6:.1f} MB)\n")
    return 0

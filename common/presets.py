"""Recipes that suit whatever data a person has: settings by their amount, below those that are given."""

from collections.abc import Sequence
from typing import Any

from common.errors import InputError


def fitting(sizes: Sequence[dict[str, Any]], unit: str, count: int, where: str) -> dict[str, Any]:
    """The settings of the first of ``sizes`` that has room for ``count``, as its entry ``unit`` says.

    Raises:
        InputError: There is none.
    """
    try:
        size = next(size for size in sizes if count <= size[unit])
    except (StopIteration, KeyError, TypeError) as error:
        raise InputError(
            f"{where}: each of sizes must say for how many {unit} it is, the last inf"
        ) from error
    return {name: value for name, value in size.items() if name != unit}


def filled(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """``values``, and of ``defaults`` what they do not say, section by section."""
    sections = {
        name: filled(values.get(name, {}), value)
        for name, value in defaults.items()
        if isinstance(value, dict)
    }
    return {**defaults, **values, **sections}

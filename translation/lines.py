"""Translating any number of lines, one result for each, whatever is in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from common.bulk import Item
from common.decoding import items_at_once
from common.errors import InputError

if TYPE_CHECKING:
    from common.result import Result
    from translation.decoding import Decoding
    from translation.model import Translator

BATCH = 1024
"""Lines to translate at a time."""


def translate_items(
    translator: Translator,
    items: Iterable[Item],
    source: str,
    target: str,
    how: Decoding,
    batch_size: int = BATCH,
) -> Iterator[tuple[Item, Result | InputError]]:
    """Translate any number of items, some at a time, each with its result, in order.

    An item that has an error has it as its result.
    """
    remaining, size = iter(items), items_at_once(how.strategy, batch_size)
    while batch := list(islice(remaining, size)):
        good = [item for item in batch if not item.error]
        results = translator.translate(
            [item.text for item in good],
            source,
            target,
            how.strategy,
            how.constraints,
            coverage_penalty=how.coverage_penalty,
            # Samples depend on the number of a line, not on what came before it.
            items=[item.number - 1 for item in good],
        )
        found = dict(zip((item.number for item in good), results, strict=True))
        yield from ((item, item.error or found[item.number]) for item in batch)

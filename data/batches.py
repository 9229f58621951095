"""Batches of items of similar length, so that little work is spent on padding."""

import random
from collections.abc import Sequence


def bucket(lengths: Sequence[int], *, tokens_per_batch: int, shuffle_seed: int | None) -> list[list[int]]:
    """Group the indices of items into batches of similar length.

    A batch costs its number of items times its longest length and costs at most
    ``tokens_per_batch``, but for a longer item, which is a batch of its own.

    Args:
        lengths: The length of each item, in tokens.
        tokens_per_batch: The most that a batch may cost, in tokens with padding.
        shuffle_seed: With a seed, items of equal length come in random order and
            so do the batches; the same seed gives the same batches. With None,
            the longest item is first and equal lengths keep their order.

    Returns:
        Batches of indices into ``lengths``, each index once; within a batch the
        longest is first.

    Raises:
        ValueError: If ``tokens_per_batch`` is not positive or a length is negative.
    """
    if tokens_per_batch < 1:
        raise ValueError(f"tokens_per_batch must be at least 1, got {tokens_per_batch!r}")
    if any(length < 0 for length in lengths):
        raise ValueError(f"lengths must not be negative, got {min(lengths)!r}")
    order = list(range(len(lengths)))
    generator = None if shuffle_seed is None else random.Random(shuffle_seed)
    if generator is not None:
        generator.shuffle(order)
    order.sort(key=lambda index: -lengths[index])
    batches: list[list[int]] = []
    for index in order:
        # The first item of a batch is its longest, and thus the width of them all.
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= tokens_per_batch:
            batches[-1].append(index)
        else:
            batches.append([index])
    if generator is not None:
        generator.shuffle(batches)
    return batches


def pad(sequences: Sequence[Sequence[int]], padding: int) -> list[list[int]]:
    """Fill sequences with ``padding`` at the end to the length of the longest, (batch, length)."""
    length = max(map(len, sequences), default=0)
    return [[*sequence, *[padding] * (length - len(sequence))] for sequence in sequences]

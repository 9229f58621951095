import random
from itertools import chain, pairwise

import pytest

from data.batches import bucket, pad


@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize("tokens_per_batch", [1, 7, 64, 10_000])
@pytest.mark.parametrize("count", [0, 1, 200])
def test_batches_keep_their_promises(seed: int | None, tokens_per_batch: int, count: int) -> None:
    generator = random.Random(5)
    lengths = [generator.randrange(30) for _ in range(count)]
    batches = bucket(lengths, tokens_per_batch=tokens_per_batch, shuffle_seed=seed)
    assert sorted(chain.from_iterable(batches)) == list(range(count))
    for batch in batches:
        longest = max(lengths[index] for index in batch)
        assert len(batch) == 1 or len(batch) * longest <= tokens_per_batch
    # Similar lengths share a batch: ordered by length, batches do not overlap.
    ranges = sorted((min(lengths[i] for i in batch), max(lengths[i] for i in batch)) for batch in batches)
    assert all(first[1] <= second[0] for first, second in pairwise(ranges))


def test_hand_worked_order() -> None:
    lengths = [3, 5, 3, 9, 1, 5]
    batches = bucket(lengths, tokens_per_batch=10, shuffle_seed=None)
    # 9 alone (two would cost 18); 5 and 5 cost 10; 3, 3 and 1 cost 9.
    assert batches == [[3], [1, 5], [0, 2, 4]]
    assert bucket(lengths, tokens_per_batch=8, shuffle_seed=None) == [[3], [1], [5], [0, 2], [4]]


def test_seed_decides_the_order() -> None:
    lengths = [4] * 100 + [8] * 100
    first, again, other = (bucket(lengths, tokens_per_batch=40, shuffle_seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sorted(map(sorted, first)) != sorted(map(sorted, other))  # other neighbours, not only other places
    widths = [lengths[batch[0]] for batch in first]
    assert widths != sorted(widths)
    assert widths != sorted(widths, reverse=True)


def test_the_global_generator_is_left_alone() -> None:
    random.seed(4)
    expected = random.random()
    random.seed(4)
    bucket([1, 2, 3], tokens_per_batch=3, shuffle_seed=7)
    assert random.random() == expected


@pytest.mark.parametrize(
    ("lengths", "tokens_per_batch", "message"),
    [
        ([1], 0, "tokens_per_batch must be at least 1, got 0"),
        ([2, -1], 9, "lengths must not be negative, got -1"),
    ],
)
def test_bad_arguments(lengths: list[int], tokens_per_batch: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bucket(lengths, tokens_per_batch=tokens_per_batch, shuffle_seed=None)


def test_pad() -> None:
    sequences = [[1, 2], [], (3, 4, 5)]
    assert pad(sequences, 0) == [[1, 2, 0], [0, 0, 0], [3, 4, 5]]
    assert sequences == [[1, 2], [], (3, 4, 5)]
    assert pad([], 0) == []
    assert pad([[], []], 0) == [[], []]

from itertools import pairwise

import pytest
import torch

from common.generation.batches import TextBatches
from common.tokenizer_kinds import BOS


def rows(batch):
    return batch.tokens.tolist()


def test_streams_go_on_from_batch_to_batch():
    batches = TextBatches(torch.arange(10, 30), window=5, streams=2)
    assert [(rows(batch), batch.continues) for batch in batches] == [
        ([[BOS, 10, 11, 12, 13, 14], [BOS, 20, 21, 22, 23, 24]], False),
        ([[14, 15, 16, 17, 18, 19], [24, 25, 26, 27, 28, 29]], True),
    ]


def test_the_text_is_a_ring_cut_at_the_offset():
    batches = TextBatches(torch.arange(10, 30), window=10, streams=2, offset=13)
    assert rows(batches[0]) == [[BOS, *range(23, 30), 10, 11, 12], [BOS, *range(13, 23)]]


@pytest.mark.parametrize("workers", [2, 3])
def test_each_worker_goes_on_with_streams_of_its_own(workers):
    ids = torch.arange(100, 220)
    batches = TextBatches(ids, window=5, streams=2, workers=workers)
    read = []
    for worker in range(workers):
        own = [batches[place] for place in range(worker, len(batches), workers)]
        assert [batch.continues for batch in own] == [False] + [True] * (len(own) - 1)
        assert (own[0].tokens[:, 0] == BOS).all()
        for before, after in pairwise(own):
            assert torch.equal(before.tokens[:, -1], after.tokens[:, 0])
        read += [id_ for batch in own for row in rows(batch) for id_ in row[1:]]
    # Together they foresee every token once.
    assert sorted(read) == ids.tolist()


@pytest.mark.parametrize(
    ("length", "window", "streams", "workers", "expected"),
    [
        (100, 10, 4, 1, (4, 12, 2)),  # 25 tokens a stream: two windows of 12
        (100, 10, 4, 2, (4, 12, 1)),
        (39, 10, 8, 1, (3, 13, 1)),  # too short for eight streams
        (39, 10, 8, 2, (1, 9, 2)),
        (5, 10, 8, 1, (1, 5, 1)),  # not even one window
    ],
)
def test_windows_are_of_one_length_and_streams_are_no_shorter(length, window, streams, workers, expected):
    batches = TextBatches(torch.arange(length), window=window, streams=streams, workers=workers)
    shapes = {tuple(batch.tokens.shape) for batch in batches}
    count, size, windows = expected
    assert shapes == {(count, size + 1)}
    assert len(batches) == windows * workers


def test_there_is_no_batch_after_the_last():
    batches = TextBatches(torch.arange(20), window=5, streams=2)
    for place in (-1, 2):
        with pytest.raises(IndexError, match=f"no batch {place} of 2"):
            batches[place]

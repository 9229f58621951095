"""A text cut into batches that are read one after the other, with the state carried from each to the next."""

from dataclasses import dataclass

import torch
from torch import Tensor

from common.tokenizer_kinds import BOS


@dataclass(frozen=True)
class TextBatch:
    """Windows of as many streams of text.

    Attributes:
        tokens: int64 (streams, length + 1); the last of each is only to be foreseen, and is the first of
            the next batch.
        continues: Whether each row goes on where that of the batch before ended; if not, it
            starts with a beginning token.
    """

    tokens: Tensor
    continues: bool


class TextBatches:
    """The batches of one epoch: a text as parallel streams, read side by side a window at a time.

    Of processes that train together each has streams of its own: batch 0 of the first, batch 0
    of the second and so on, then batch 1 of the first. So each, which takes every ``workers``-th
    batch, always goes on where it stopped.

    Truncated back-propagation through time: Williams and Peng, 1990, doi:10.1162/neco.1990.2.4.490.
    """

    def __init__(self, ids: Tensor, *, window: int, streams: int, workers: int = 1, offset: int = 0) -> None:
        """Cut a text.

        Args:
            ids: Its tokens, int64 (length,), at least one for each worker.
            window: How many to read at once, about: windows are all of one length.
            streams: How many windows a batch has at most; fewer if the text is too short.
            workers: How many processes train together.
            offset: The token that the first stream starts from; the last ends before it, with the
                text read as a ring. Where in each window a token stands depends on it.
        """
        self.workers = workers
        self.streams = max(1, min(streams, len(ids) // (workers * window)))
        length = len(ids) // (workers * self.streams)
        self._windows = max(1, round(length / window))
        self.window = length // self._windows
        rows = ids.roll(-offset)[: workers * self.streams * length].view(workers * self.streams, length)
        # The beginning token is read before the first: everything after it is foreseen once.
        self._rows = torch.cat([rows.new_full((len(rows), 1), BOS), rows], 1)

    def __len__(self) -> int:
        """How many batches there are, of all processes."""
        return self.workers * self._windows

    def __getitem__(self, place: int, /) -> TextBatch:
        """One of them. Raises IndexError if there is none."""
        if not 0 <= place < len(self):
            raise IndexError(f"no batch {place} of {len(self)}")
        window, worker = divmod(place, self.workers)
        first, start = worker * self.streams, window * self.window
        tokens = self._rows[first : first + self.streams, start : start + self.window + 1]
        return TextBatch(tokens, continues=window > 0)

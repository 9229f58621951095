"""The processes that train one model together, started by ``torchrun``."""

import atexit
import gc
import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed


@dataclass(frozen=True)
class Workers:
    """This process among those that train together; alone where nothing else was started.

    Attributes:
        rank: Its number, from 0.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def join(cls) -> "Workers":
        """Meet the others, as ``torchrun`` has written into the environment; alone without it."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        if not distributed.is_initialized():
            on_gpu = torch.cuda.is_available()
            if on_gpu:
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
            # Distributed training imports it anyhow; what it finds as the group then is a default of its
            # functions for good, and the group's threads would never end.
            importlib.import_module("torch.distributed.nn.functional")
            # The first process validates while the others wait for it.
            distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=timedelta(hours=6))
            atexit.register(_leave)
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def is_first(self) -> bool:
        """Whether this is the process that validates and writes files."""
        return self.rank == 0

    def only_first(self, report: Callable[[str], None]) -> Callable[[str], None]:
        """``report`` in the first process; in the others, what says nothing."""
        return report if self.is_first else lambda line: None

    def total(self, *values: float, device: torch.device) -> list[float]:
        """The sums of all processes' ``values``."""
        if self.count == 1:
            return list(values)
        sums = torch.tensor(values, device=device)
        distributed.all_reduce(sums)
        return list(map(float, sums))

    def from_first(self, value: Any) -> Any:
        """What the first process has for ``value``, in all of them."""
        if self.count == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values)
        return values[0]

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """Let the others enter when the first has left, to find what it has written."""
        if self.count > 1 and not self.is_first:
            distributed.barrier()
        yield
        if self.count > 1 and self.is_first:
            distributed.barrier()


def _leave() -> None:
    """End the group's threads: one that lets go of a tensor while Python ends aborts the process."""
    gc.collect()  # What has trained may be in a cycle, and holds the group.
    distributed.destroy_process_group()

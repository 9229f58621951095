"""How a process of ours uses memory."""

import ctypes


def keep_freed_memory() -> None:
    """Ask glibc not to return large buffers to the system: each step needs the same ones again.

    Otherwise every step pays for fresh pages, which here took a sixth of the time. It is of the whole
    process, so only for those that are ours: commands, and training.
    Does nothing where the C library has no ``mallopt``.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    trim_threshold, mmap_threshold = -1, -3
    mallopt(trim_threshold, 2**30)
    mallopt(mmap_threshold, 2**30)

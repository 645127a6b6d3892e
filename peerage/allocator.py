"""Settings of glibc's allocator for a service that is long-lived and holds large bodies for a moment."""

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of malloc.h


def tune_allocator() -> None:
    """Have memory of large bodies given back to the system at once, and threads share arenas; elsewhere do nothing.

    By default glibc raises the size from which on memory is given back with each large block that is freed, and keeps
    an arena for each thread: six uploads of 10 MiB leave several hundred MiB resident.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 256 << 10)
        mallopt(_TRIM_THRESHOLD, 1 << 20)
        mallopt(_ARENA_MAX, 2)


def freeze_objects() -> None:
    """Exclude what was made until now from garbage collection: most of it stays until the end.

    A collection walks over everything that ever survived others, and nothing else runs meanwhile: under the soak's
    attacks that was a hundred thousand objects and 0.1 s, every few seconds.
    """
    gc.collect()
    gc.freeze()

"""Settings of the allocator, the garbage collector and the interpreter lock for a service that is long-lived."""

import ctypes
import gc
import sys

_YOUNG, _MIDDLE = 10_000, 5
"""Objects made and kept since the last collection from which on there is another, and after how many of these comes one
of those that survived. With Python's 700 and 10 a request outlived both, so that what it left waited for a full one."""
_SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter from the event loop; 5 ms by default, for each of the threads at work."""
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


def trim_memory() -> None:
    """Give back to the system what the allocator keeps free for later, also between blocks in use.

    Without glibc it does nothing. Under the soak's attacks it takes 1 to 11 ms, without the interpreter's lock.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def tune_interpreter() -> None:
    """Collect garbage in larger steps, and let the event loop go on sooner while threads are at work."""
    gc.set_threshold(_YOUNG, _MIDDLE)
    sys.setswitchinterval(_SWITCH_SECONDS)


def freeze_objects() -> None:
    """Exclude what was made until now from garbage collection: most of it stays until the end.

    A collection walks over everything that ever survived others, and nothing else runs meanwhile: under the soak's
    attacks that was a hundred thousand objects and 0.1 s, every few seconds.
    """
    gc.collect()
    gc.freeze()

"""Whether the kernel's clock is kept in step by a time service, as adjtimex(2) tells."""

import ctypes

_STRUCT_TIMEX = 256  # bytes, more than any Linux has
_TIME_ERROR = 5


def clock_in_step() -> bool | None:
    """Return whether a time service keeps the clock, None where the system does not tell."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    state = adjtimex(ctypes.create_string_buffer(_STRUCT_TIMEX))  # modes 0: it changes nothing
    return None if state < 0 else state != _TIME_ERROR

"""Numbers of bytes as people read them."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def size(number: int) -> str:
    """Format bytes in the largest unit of which there is at least one, with three digits or four."""
    return " ".join(largest_unit(number))


def largest_unit(number: int) -> tuple[str, str]:
    """Return bytes as a number of their largest unit, with a decimal point, and that unit."""
    unit = min(max(number.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    value = number / (1 << 10 * unit)
    digits = 0 if unit == 0 or value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}", _UNITS[unit]

"""The Range and If-Range header fields: which bytes of a file a request asks for (RFC 9110 § 13, 14)."""

import re

# Up to 20 digits: more than any file's size has.
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,20})-([0-9]{0,20})[ \t]*", re.IGNORECASE)


class RangeNotSatisfiable(Exception):
    """The range begins after the end of the file."""


def requested_range(header: str, size: int) -> range | None:
    """Return the bytes that a Range header asks for, None for the whole file.

    A header that is malformed, of another unit or for several ranges asks for the whole file, as § 14.2 allows.
    Raises Unsatisfiable.
    """
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    first, last = match[1], match[2]
    if not first:
        return _suffix(int(last), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeNotSatisfiable
    return range(int(first), min(int(last) + 1, size) if last else size)


def _suffix(length: int, size: int) -> range | None:
    if length == 0:
        raise RangeNotSatisfiable
    # No Content-Range can express a range of an empty file.
    return range(max(0, size - length), size) if size else None


def if_range_matches(if_range: str, etag: str, modified: str) -> bool:
    """Return whether If-Range allows a partial answer: it is empty, this strong tag or this exact date."""
    return if_range.strip() in {"", etag, modified}

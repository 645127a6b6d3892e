"""Masks CSRF tokens, so that no two pages hold the same one.

What compression makes of a page tells of whatever it holds twice: without a mask somebody who chooses a part of a page
and sees its size could learn the token byte by byte (BREACH).
"""

import binascii

_MASKED = "m"  # no hex digit


def mask_token(token: str, mask: bytes) -> str:
    """Return a token of hex digits under a mask of as many bytes as it stands for, and the mask."""
    return _MASKED + (mask + _apart(bytes.fromhex(token), mask)).hex()


def unmask_token(masked: str) -> str:
    """Return the token under its mask; what has no mask as it is, "" for what is none."""
    if not masked.startswith(_MASKED):
        return masked
    try:
        both = binascii.unhexlify(masked.removeprefix(_MASKED).encode("ascii"))
    except (ValueError, UnicodeEncodeError):
        return ""
    half = len(both) // 2
    return _apart(both[half:], both[:half]).hex() if len(both) % 2 == 0 else ""


def _apart(data: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(data, mask, strict=True))

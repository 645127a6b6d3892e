"""The operator's logo: which pictures may be one."""

from collections.abc import Mapping
from dataclasses import dataclass

MOST_LOGO_BYTES = 256 << 10
LOGO_TYPES: Mapping[str, str] = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "webp": "image/webp",
}
"""The media type of a logo by the ending of its file."""


@dataclass(frozen=True, slots=True)
class Logo:
    """The operator's logo: the ending of its file, one of LOGO_TYPES, and what is in it."""

    ending: str
    data: bytes

r"""Text in torrents: decoding, making it safe to show, and which names are unsafe in paths.

Text is decoded as UTF-8, else from the `.utf-8` key that some clients add, else in the encoding that the
torrent declares, else with every byte that is not UTF-8 shown as `\xNN`. Characters that control a terminal or
a page (controls, line separators, bidi overrides) are shown as U+FFFD. The torrent's own bytes are not changed.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

LONGEST_PART = 255
LONGEST_PATH = 4096

_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
_CONTROLS_IN_PROSE = re.compile(_CONTROLS.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
_DRIVE = re.compile(r"[A-Za-z]:\\")

# Looking up a codec by a hostile name would import modules and cache the name for ever.
_ENCODINGS = MappingProxyType(
    {
        **{
            f"iso8859{part}": f"iso8859_{part}"
            for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)
        },
        **{f"windows{page}": f"cp{page}" for page in range(1250, 1259)},
        **{f"cp{page}": f"cp{page}" for page in (437, 850, 852, 866, 874, 932, 949, 950, *range(1250, 1259))},
        "big5": "big5hkscs",
        "cp936": "gbk",
        "eucjp": "euc_jp",
        "euckr": "euc_kr",
        "gb18030": "gb18030",
        "gb2312": "gbk",
        "gbk": "gbk",
        "koi8r": "koi8_r",
        "koi8u": "koi8_u",
        "latin1": "iso8859_1",
        "shiftjis": "cp932",
        "sjis": "cp932",
        "windows31j": "cp932",
        "windows874": "cp874",
    }
)


def declared_encoding(value: object) -> str | None:
    """Find the codec for a torrent's `encoding` key; None for UTF-8 and for unknown encodings."""
    if not isinstance(value, bytes) or len(value) > 32:
        return None
    plain = value.decode("ascii", "replace").lower().translate({ord(mark): None for mark in "-_ "})
    return _ENCODINGS.get(plain)


def read_text(fields: Mapping[bytes, Any], key: bytes, encoding: str | None) -> str | None:
    """Return the text under `key`; bytes that cannot be decoded stay as lone surrogates.

    None when the key is missing or not a string.
    """
    raw = fields.get(key)
    if not isinstance(raw, bytes):
        return None
    return decode_text(raw, fields.get(key + b".utf-8"), encoding)


def decode_text(raw: bytes, utf8: object, encoding: str | None) -> str:
    """Decode `raw`; `utf8` is the same text from the `.utf-8` key, if the torrent has it."""
    for candidate, codec in ((raw, "utf-8"), (utf8, "utf-8"), (raw, encoding)):
        if codec is not None and isinstance(candidate, bytes):
            try:
                return candidate.decode(codec)
            except UnicodeDecodeError:
                continue
    return raw.decode("utf-8", "surrogateescape")


def printable(text: str) -> str:
    """Return one line of text, safe to show: without lone surrogates and control characters."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROLS.sub("\ufffd", _without_surrogates(text))


def printable_multiline(text: str, longest: int) -> str:
    """Return text of several lines, safe to show, cut to `longest` characters; tabs and newlines stay."""
    unix = _without_surrogates(text[:longest]).replace("\r\n", "\n")
    return _CONTROLS_IN_PROSE.sub("\ufffd", unix)


def is_safe_path_part(part: str) -> bool:
    """Return whether a name can be part of a path on any system without leaving its folder."""
    if part in ("", ".", "..") or "/" in part or "\0" in part:
        return False
    if len(part) > LONGEST_PART or utf8_length(part) > LONGEST_PART:
        return False
    # A backslash is a separator on Windows, and an ordinary character elsewhere.
    return "\\" not in part or not (_DRIVE.match(part) or {"", ".", ".."}.intersection(part.split("\\")))


def has_separator(raw: bytes) -> bool:
    """Return whether a name's bytes have a path separator or NUL, whatever their encoding."""
    return b"/" in raw or b"\0" in raw


def utf8_length(part: str) -> int:
    """Return the length of a name in UTF-8."""
    return len(part) if part.isascii() else len(part.encode("utf-8", "surrogateescape"))


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

"""Hides how bencoded bytes are read without trusting them; bencode.py makes the values and writes them.

That package takes duplicate keys, `i 1e` and the like, so one pass goes over the bytes before it: a loop with
a stack of its own, whose time is linear in the size and whose memory is bounded by the number of items.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bencodepy import BencodeDecoder, encode

from bittorrent.refusal import Refusal

_TOKEN = re.compile(rb"i(0|-?[1-9][0-9]{0,19})e|(0|[1-9][0-9]{0,9}):|([ld])|(e)")
_INTEGER, _STRING, _OPEN, _END = range(1, 5)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may cost: its bytes, how deep it nests, and how many values and keys it holds."""

    size: int = 10 * 1024 * 1024
    depth: int = 64
    items: int = 1_000_000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Document:
    """A bencoded document that was read.

    `value` is what bencode.py makes of it: dictionary keys and strings are bytes. `canonical` tells whether
    every dictionary has its keys in order. `spans` gives, for each key of a top-level dictionary, where the
    raw bytes of its value start and end; it is empty for any other document.
    """

    value: Any
    canonical: bool
    spans: Mapping[bytes, tuple[int, int]]


def read(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read exactly one bencoded value.

    Integers have at most 20 digits. Raises Refusal: empty, too-large, too-deep, too-many-items, not-bencode
    (leading zeros, `i-0e`, keys that are no strings and the like included), trailing-bytes, duplicate-key.
    """
    if not data:
        raise Refusal("empty")
    if len(data) > limits.size:
        raise Refusal("too-large", f"the limit is {limits.size} bytes")
    scan = _Scan(data, limits)
    scan.run()
    value = BencodeDecoder(max_depth=limits.depth).decode(data)
    return Document(value, scan.canonical, MappingProxyType(scan.spans))


def write(value: object) -> bytes:
    """Bencode dicts, lists, ints, bytes and str (as UTF-8); keys come out in order."""
    written: bytes = encode(value)
    return written


class _Frame:
    """A list or dictionary that is still open; `key` is the one whose value comes next."""

    __slots__ = ("key", "keys", "last", "start")

    def __init__(self, start: int, is_dict: bool) -> None:
        self.start = start
        self.keys: set[bytes] | None = set() if is_dict else None
        self.key: bytes | None = None
        self.last: bytes | None = None


class _Scan:
    """One pass over the bytes, which either refuses them or finds where the top-level values lie."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.limits = limits
        self.canonical = True
        self.spans: dict[bytes, tuple[int, int]] = {}
        self.frames: list[_Frame] = []

    def run(self) -> None:
        frames, at, items = self.frames, 0, 0
        while True:
            token = _TOKEN.match(self.data, at)
            if token is None:
                raise self._broken(at)
            start, at = token.span()
            kind = token.lastindex
            if kind == _END:
                start = self._close(start)
            else:
                items += 1
                if items > self.limits.items:
                    raise Refusal("too-many-items", f"the limit is {self.limits.items}")
                frame = frames[-1] if frames else None
                if frame is not None and frame.keys is not None and frame.key is None:
                    at = self._take_key(frame, token)
                    continue
                if kind == _OPEN:
                    self._open(start, token[0] == b"d")
                    continue
                if kind == _STRING:
                    at = self._string_end(token)
            if not frames:
                break
            self._value_done(start, at)
        if at != len(self.data):
            raise Refusal("trailing-bytes", f"the torrent ends at byte {at} of {len(self.data)}")

    def _open(self, start: int, is_dict: bool) -> None:
        if len(self.frames) == self.limits.depth:
            raise Refusal("too-deep", f"the limit is {self.limits.depth}")
        self.frames.append(_Frame(start, is_dict))

    def _close(self, at: int) -> int:
        if not self.frames or self.frames[-1].key is not None:
            raise self._broken(at)
        return self.frames.pop().start

    def _take_key(self, frame: _Frame, token: re.Match[bytes]) -> int:
        if token.lastindex != _STRING:
            raise self._broken(token.start())
        end = self._string_end(token)
        key = self.data[token.end() : end]
        assert frame.keys is not None
        if key in frame.keys:
            raise Refusal("duplicate-key", f"at byte {token.start()}")
        if frame.last is not None and key < frame.last:
            self.canonical = False
        frame.keys.add(key)
        frame.key = frame.last = key
        return end

    def _string_end(self, token: re.Match[bytes]) -> int:
        end = token.end() + int(token[_STRING])
        if end > len(self.data):
            raise self._broken(token.start(), "a string runs past the end")
        return end

    def _value_done(self, start: int, end: int) -> None:
        frame = self.frames[-1]
        if frame.key is not None:
            if len(self.frames) == 1:
                self.spans[frame.key] = (start, end)
            frame.key = None

    def _broken(self, at: int, why: str = "") -> Refusal:
        if not why:
            why = "it ends too early" if at == len(self.data) else "unreadable"
        return Refusal("not-bencode", f"{why}, at byte {at}")

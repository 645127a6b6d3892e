"""Bencode: untrusted bytes are checked by one strict scan; bencode.py decodes and encodes the values.

That package accepts duplicate keys, `i 1e` and the like, so the scan comes first: a loop with an explicit
stack, whose time is linear in the size and whose memory is bounded by the number of items.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import bencodepy

from bittorrent.refusal import Refusal

_TOKEN = re.compile(rb"i(0|-?[1-9][0-9]{0,19})e|(0|[1-9][0-9]{0,9}):|([ld])|(e)")
_INTEGER, _STRING, _OPEN, _END = range(1, 5)


@dataclass(frozen=True, slots=True)
class BencodeLimits:
    """The most that a document may have: its bytes, nesting depth, and number of values and keys."""

    size: int = 10 * 1024 * 1024
    depth: int = 64
    items: int = 1_000_000


DEFAULT_LIMITS = BencodeLimits()
LIGHT_ITEMS = 10_000
"""Values that are read in a thread: some hundredths of a second, in which the loop waits for the GIL."""


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded document.

    `value` is bencode.py's: dictionary keys and strings are bytes. `canonical` is whether every dictionary
    has its keys in order. `spans` gives, for each key of a top-level dictionary, where the raw bytes of its
    value start and end; it is empty for any other document.
    """

    value: Any
    canonical: bool
    spans: Mapping[bytes, tuple[int, int]]


def decode(data: bytes, limits: BencodeLimits = DEFAULT_LIMITS) -> Document:
    """Decode exactly one bencoded value.

    Integers have at most 20 digits. Raises Refusal: empty, too-large, too-deep, too-many-items, not-bencode
    (leading zeros, `i-0e`, keys that are not strings included), trailing-bytes, duplicate-key.
    """
    if not data:
        raise Refusal("empty")
    if len(data) > limits.size:
        raise Refusal("too-large", f"the limit is {limits.size} bytes")
    scan = _Scan(data, limits)
    scan.run()
    value = bencodepy.BencodeDecoder(max_depth=limits.depth).decode(data)
    return Document(value, scan.canonical, MappingProxyType(scan.spans))


def top_level_spans(data: bytes, limits: BencodeLimits = DEFAULT_LIMITS) -> Mapping[bytes, tuple[int, int]]:
    """Return where the values of a top-level dictionary start and end, without decoding them.

    Raises Refusal: as `decode`.
    """
    if not data:
        raise Refusal("empty")
    if len(data) > limits.size:
        raise Refusal("too-large", f"the limit is {limits.size} bytes")
    scan = _Scan(data, limits)
    scan.run()
    return MappingProxyType(scan.spans)


def encode(value: object) -> bytes:
    """Bencode dicts, lists, ints, bytes and str (as UTF-8); keys are sorted."""
    data: bytes = bencodepy.encode(value)
    return data


class _Container:
    """An open list or dictionary; `key` is the one whose value comes next."""

    __slots__ = ("key", "keys", "last", "start")

    def __init__(self, start: int, is_dict: bool) -> None:
        self.start = start
        self.keys: set[bytes] | None = set() if is_dict else None
        self.key: bytes | None = None
        self.last: bytes | None = None


class _Scan:
    """One pass over the bytes, which either refuses them or finds the spans of the top-level values."""

    def __init__(self, data: bytes, limits: BencodeLimits) -> None:
        self.data = data
        self.limits = limits
        self.canonical = True
        self.spans: dict[bytes, tuple[int, int]] = {}
        self.stack: list[_Container] = []

    def run(self) -> None:
        stack, at, items = self.stack, 0, 0
        while True:
            token = _TOKEN.match(self.data, at)
            if token is None:
                raise self._malformed(at)
            start, at = token.span()
            kind = token.lastindex
            if kind == _END:
                start = self._close(start)
            else:
                items += 1
                if items > self.limits.items:
                    raise Refusal("too-many-items", f"the limit is {self.limits.items}")
                container = stack[-1] if stack else None
                if container is not None and container.keys is not None and container.key is None:
                    at = self._take_key(container, token)
                    continue
                if kind == _OPEN:
                    self._open(start, token[0] == b"d")
                    continue
                if kind == _STRING:
                    at = self._string_end(token)
            if not stack:
                break
            self._value_done(start, at)
        if at != len(self.data):
            raise Refusal("trailing-bytes", f"the torrent ends at byte {at} of {len(self.data)}")

    def _open(self, start: int, is_dict: bool) -> None:
        if len(self.stack) == self.limits.depth:
            raise Refusal("too-deep", f"the limit is {self.limits.depth}")
        self.stack.append(_Container(start, is_dict))

    def _close(self, at: int) -> int:
        if not self.stack or self.stack[-1].key is not None:
            raise self._malformed(at)
        return self.stack.pop().start

    def _take_key(self, container: _Container, token: re.Match[bytes]) -> int:
        if token.lastindex != _STRING:
            raise self._malformed(token.start())
        end = self._string_end(token)
        key = self.data[token.end() : end]
        assert container.keys is not None
        if key in container.keys:
            raise Refusal("duplicate-key", f"at byte {token.start()}")
        if container.last is not None and key < container.last:
            self.canonical = False
        container.keys.add(key)
        container.key = container.last = key
        return end

    def _string_end(self, token: re.Match[bytes]) -> int:
        end = token.end() + int(token[_STRING])
        if end > len(self.data):
            raise self._malformed(token.start(), "a string runs past the end")
        return end

    def _value_done(self, start: int, end: int) -> None:
        container = self.stack[-1]
        if container.key is not None:
            if len(self.stack) == 1:
                self.spans[container.key] = (start, end)
            container.key = None

    def _malformed(self, at: int, why: str = "") -> Refusal:
        if not why:
            why = "it ends too early" if at == len(self.data) else "unreadable"
        return Refusal("not-bencode", f"{why}, at byte {at}")

"""Encodes JSON, and objects of which most stays the same with places for what changes."""

import json
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

TRUTH: Mapping[bool, bytes] = MappingProxyType({True: b"true", False: b"false"})
"""Truth values, for places of a `JsonTemplate`."""

MEMBER = b"%b,"
"""A place for a whole member with the comma behind it, or for nothing, of a key that is not the last."""

_encoder = msgspec.json.Encoder()


def encode_json(value: object) -> bytes:
    """Return a value as compact JSON in UTF-8; a lone surrogate, which names may contain, becomes a question mark.

    Dataclasses are objects of their fields, `msgspec.Raw` is taken as it is.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
        return text.encode("utf-8", "replace")


class JsonTemplate:
    """An encoded object with places for the values of some of its keys."""

    __slots__ = ("_format",)

    def __init__(self, encoded: bytes, places: Mapping[str, bytes]) -> None:
        """Cut an object that has the value 0 for each key of `places`, in their order; formats are `%d` and `%b`.

        ValueError: it has no such key. A key is found by its quotes, which are escaped within a text.
        """
        pieces, rest = [], encoded
        for key, place in places.items():
            name = b'"%b":' % key.encode()
            member = place is MEMBER
            before, found, rest = rest.partition(name + (b"0," if member else b"0"))
            if not found:
                raise ValueError(f"the object has no {key}")
            pieces += [(before if member else before + name).replace(b"%", b"%%"), b"%b" if member else place]
        self._format = b"".join([*pieces, rest.replace(b"%", b"%%")])

    def __len__(self) -> int:
        """Return its size in bytes."""
        return len(self._format)

    def fill(self, *values: object) -> bytes:
        """Return the object with these values, in the order of the places."""
        return self._format % values


def _plain(value: object) -> object:
    """Return what the standard encoder takes in place of a value; TypeError for what is not known."""
    if isinstance(value, msgspec.Raw):
        return json.loads(bytes(value))
    names = getattr(type(value), "__dataclass_fields__", None)
    if names is None:
        raise TypeError(type(value).__name__)
    return {name: getattr(value, name) for name in names}

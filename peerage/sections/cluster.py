"""Settings of a node among several that hold the same swarms."""

from typing import Annotated
from urllib.parse import urlsplit

from peerage.sections.section import Duration, Reads, Section, Setting, Size

_LONGEST_NAME = 64
_SCHEMES = {"redis", "rediss", "unix"}


def read_stream(value: object) -> object:
    """Check the URL of a Redis server, which may hold a password and is never shown; "" is None. ValueError."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        parts = urlsplit(value.strip())
        named = parts.scheme in _SCHEMES and (parts.path if parts.scheme == "unix" else parts.hostname)
        _ = parts.port
    except ValueError:
        named = None
    if not named or parts.fragment:
        raise ValueError("it must be redis://, or rediss:// with TLS, and user:password@host:port/number")
    return value.strip()


def read_node(value: object) -> object:
    """Check the name of a node. ValueError."""
    if isinstance(value, str) and (not value.isprintable() or len(value.encode()) > _LONGEST_NAME):
        raise ValueError(f"it must be printable, and at most {_LONGEST_NAME} bytes")
    return value


class ClusterSection(Section, frozen=True, kw_only=True):
    """Where the nodes exchange their swarms, and how."""

    url: Annotated[
        Annotated[str | None, Reads(read_stream)],
        Setting(
            "The Redis or Valkey, server or cluster, over which nodes exchange their swarms; unset: this is the only"
            " node.",
            takes="redis://user:password@host:port, or rediss:// for TLS",
        ),
    ] = None
    node: Annotated[
        Annotated[str, Reads(read_node)],
        Setting("The name by which other nodes show this one; unset: that of the machine.", 0, _LONGEST_NAME),
    ] = ""
    every: Annotated[Duration, Setting("Seconds between two rounds of sending and receiving.", 0.02, 10)] = (
        0.2
    )
    shards: Annotated[
        int, Setting("Streams that the swarms are divided into; it has to be the same on all nodes.", 1, 64)
    ] = 1
    memory: Annotated[
        Size, Setting("Bytes that the streams may take in Redis, all together.", 2**20, 2**40)
    ] = 128 * 2**20

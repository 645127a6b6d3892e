"""Makes what exchanges swarms with other nodes, where the settings name a stream."""

import secrets
import socket
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from storage.data_folder import DataFolder
from storage.database import DatabaseError
from storage.replication import SqlPositions
from tracker.replication.replicator import Replicator
from tracker.replication.stream import ChangeStream, StreamAway
from tracker.replication.terms import NodeTerms

if TYPE_CHECKING:
    from peerage.wiring.application import Application
    from peerage.wiring.environment import Environment

log = structlog.get_logger()

_NUMBER = "node"
_NUMBER_BYTES = 4
_RUN_BITS = 62
_LONGEST_NAME = 64


def node_number(folder: DataFolder, environment: "Environment") -> int:
    """Return the number by which other nodes know this one, drawn once and kept in the folder. FolderError."""
    return int.from_bytes(folder.secret(_NUMBER, _NUMBER_BYTES, environment.random), "little") or 1


def node_name(name: str) -> str:
    """Return the name of this node: the given one, or that of the machine."""
    return name or socket.gethostname().encode()[:_LONGEST_NAME].decode(errors="ignore")


def make_replicator(application: "Application") -> Replicator:
    """Return what exchanges swarms with other nodes. DatabaseError, FolderError."""
    wanted, environment = application.settings.cluster, application.environment
    terms = NodeTerms(
        node_number(application.stores.folder, environment),
        node_name(wanted.node),
        secrets.randbits(_RUN_BITS) + 1,
        wanted.shards,
        wanted.every,
    )
    stream = open_stream(wanted.url or "", wanted.shards, wanted.memory)
    application.stack.push_async_callback(stream.close)
    log.info("cluster.node", name=terms.name, node=terms.node, shards=terms.shards)
    return Replicator(
        application.tracker.tracker.store,
        stream,
        SqlPositions(application.stores.swarms),
        terms,
        clock=environment.clock,
        timer=environment.timer,
        report=_report,
    )


def require_client() -> None:
    """Raise DatabaseError unless the client of Redis is installed."""
    if find_spec("redis") is None:
        raise DatabaseError("`cluster.url` needs redis: install peerage[cluster]")


def open_stream(url: str, shards: int, memory: int) -> ChangeStream:
    """Return the stream at a URL; nothing is asked of it yet. DatabaseError: its client is not installed."""
    require_client()
    from storage.redis.stream import RedisStream  # noqa: PLC0415 - on a node of several alone

    return RedisStream(url, shards, memory, time.monotonic)


def _report(error: Exception) -> None:
    if isinstance(error, StreamAway):
        log.warning("cluster.stream_away", error=str(error))
    else:
        log.error("cluster.failed", error=str(error), cause=repr(error.__cause__))

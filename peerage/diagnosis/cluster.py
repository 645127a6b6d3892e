"""Checks of the stream over which nodes exchange their swarms: that it answers, and that they are in step."""

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from actions.diagnosis import Finding, Grade
from peerage.diagnosis.examined import Examined

if TYPE_CHECKING:
    from tracker.replication.replicator import Replicator

_SUBJECT = "cluster"
_SKEW = 5
_BEHIND = 10.0
_PORT = 6379


def examine_cluster(examined: Examined) -> Iterator[Finding]:
    """Find whether the stream answers, who else is there, and whether this node misses anything of theirs."""
    url = examined.settings.cluster.url
    if url is None:
        return
    service = examined.service
    if service is None or service.replicator is None:
        yield _reachable(url, examined.patience)
        return
    replicator = service.replicator
    if not replicator.figures.connected:
        remedy = "Announces go on, and the nodes catch up when it is back: look at Redis, its address and password."
        yield Finding(_SUBJECT, Grade.PROBLEM, "the stream does not answer (cluster.url)", remedy)
        return
    server = replicator.server
    yield Finding(_SUBJECT, Grade.GOOD, f"the stream answers ({server.name})")
    if server.evicts:
        remedy = "Set maxmemory-policy to noeviction there: the streams are bounded by cluster.memory."
        yield Finding(_SUBJECT, Grade.WARNING, "the server of the stream evicts what it likes", remedy)
    yield from _examine_nodes(replicator)


def _reachable(url: str, patience: float) -> Finding:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return Finding(_SUBJECT, Grade.NOTE, "whether nodes see each other is told where the service runs")
    place = parts.hostname or "localhost", parts.port or _PORT
    try:
        socket.create_connection(place, patience).close()
    except OSError as error:
        remedy = "Look at Redis and at cluster.url; the service starts without it, and its node is alone."
        return Finding(
            _SUBJECT, Grade.PROBLEM, f"the server of the stream cannot be reached: {error}", remedy
        )
    return Finding(
        _SUBJECT, Grade.NOTE, "the server of the stream accepts; nodes are told of where the service runs"
    )


def _examine_nodes(replicator: "Replicator") -> Iterator[Finding]:
    figures, heard = replicator.figures, replicator.heard
    if figures.same_number:
        remedy = "Stop one of them, and delete secrets/node from its data folder."
        text = "another service sends under this node's number: its data folder is a copy of this one"
        yield Finding(_SUBJECT, Grade.PROBLEM, text, remedy)
    if not heard:
        remedy = "Look at cluster.url and cluster.shards of the others: they have to be the same."
        yield Finding(_SUBJECT, Grade.WARNING, "no other node is heard", remedy)
    for each in sorted(heard.values(), key=lambda each: each.name):
        said = f"{each.name!r} is heard, and {'in step' if each.in_step else 'still catching up'}"
        if abs(each.ahead) > _SKEW:
            remedy = "Let a time service keep both clocks: what is dated ten minutes ahead is not taken over."
            text = f"{said}; its clock differs from this one by {each.ahead} seconds"
            yield Finding(_SUBJECT, Grade.WARNING, text, remedy)
        else:
            yield Finding(_SUBJECT, Grade.GOOD if each.in_step else Grade.NOTE, said)
    behind = replicator.behind
    if behind is None or behind > _BEHIND:
        yield Finding(
            _SUBJECT,
            Grade.WARNING,
            "this node does not keep up with the stream",
            "Look at its processor and network.",
        )
    elif not figures.in_step:
        yield Finding(_SUBJECT, Grade.NOTE, "this node takes over what it missed")
    if figures.dropped["version"]:
        remedy = "Upgrade this node too: until then it does not understand the others."
        yield Finding(_SUBJECT, Grade.WARNING, "another node is of a later version", remedy)
    if figures.dropped["damaged"]:
        text = f"{figures.dropped['damaged']} entries of the stream were damaged"
        yield Finding(_SUBJECT, Grade.WARNING, text, "See who else writes to that Redis.")

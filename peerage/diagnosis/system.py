"""Checks of the system around the service: memory, descriptors, buffers of UDP, the firewall's table of connections."""

import resource
from collections.abc import Iterator, Sequence

from actions.diagnosis import Finding, Grade
from peerage.descriptors import descriptors_needed
from peerage.diagnosis.examined import Examined
from peerage.memory_bounds import memory_allowed, memory_needed
from peerage.setting_values import format_size

RECEIVE_BUFFER = 4 << 20
"""As `doors/udp.py` asks for, which a test compares."""
_CONNTRACK_ROOM = 262_144
_TABLES = ("proc/net/udp", "proc/net/udp6")


def examine_descriptors(examined: Examined) -> Iterator[Finding]:
    """Find whether the process may have as many descriptors as the settings need."""
    needed = descriptors_needed(examined.settings)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if examined.service is None else soft  # the service raises its own as far as it may
    said = (
        f"{'no limit' if most == resource.RLIM_INFINITY else f'{most:,}'} for {needed:,} that may be needed"
    )
    if most != resource.RLIM_INFINITY and most < needed:
        remedy = f"LimitNOFILE={needed} in the unit, or lower http.max_connections."
        yield Finding("open files", Grade.WARNING, said, remedy)
    else:
        where = "" if examined.service is not None else " (of this shell: the unit has its own)"
        yield Finding("open files", Grade.GOOD, said + where)


def examine_memory(examined: Examined) -> Iterator[Finding]:
    """Find whether there is as much memory as the settings allow the service to take."""
    needed = memory_needed(examined.settings)
    allowed = memory_allowed(examined.system, own=examined.service is not None)
    if allowed is None:
        return
    said = f"the settings allow about {format_size(needed)}, of {format_size(allowed)} that there are"
    if needed > allowed:
        tracker = examined.settings.tracker
        remedy = (
            f"Lower tracker.max_torrents ({tracker.max_torrents:,}) and tracker.max_peers ({tracker.max_peers:,}), "
            "then http.memory and cache.memory: under attack all of it may be taken."
        )
        yield Finding("memory", Grade.WARNING, said, remedy)
    else:
        yield Finding("memory", Grade.GOOD, said)


def examine_udp(examined: Examined) -> Iterator[Finding]:
    """Find whether packets are lost for want of a buffer."""
    most = examined.number("proc/sys/net/core/rmem_max")
    if most is not None and most < RECEIVE_BUFFER:
        yield Finding(
            "UDP",
            Grade.WARNING,
            f"a socket may buffer {format_size(most)} of packets, not the {format_size(RECEIVE_BUFFER)} asked for",
            f"sysctl -w net.core.rmem_max={RECEIVE_BUFFER}, and the same in /etc/sysctl.d/peerage.conf.",
        )
    elif most is not None:
        yield Finding("UDP", Grade.GOOD, f"a socket may buffer {format_size(most)} of packets")
    if examined.service is None:
        return
    ports = [each.port for each in examined.service.listening]
    lost = sum(_dropped(examined.text(table), ports) for table in _TABLES)
    if lost:
        remedy = "Give it a processor more (tracker.threads), or a larger buffer."
        yield Finding("UDP", Grade.WARNING, f"{lost:,} packets were dropped since the start", remedy)


def examine_conntrack(examined: Examined) -> Iterator[Finding]:
    """Find whether the firewall's table of connections has room: every announce over UDP takes a place in it."""
    most = examined.number("proc/sys/net/netfilter/nf_conntrack_max")
    if most is None:
        yield Finding("conntrack", Grade.GOOD, "the firewall keeps no table of connections")
        return
    used = examined.number("proc/sys/net/netfilter/nf_conntrack_count") or 0
    ports = sorted({each.port for each in examined.settings.listen if each.port} or {6969})
    rule = f"nft add rule inet raw prerouting udp dport {{ {', '.join(map(str, ports))} }} notrack"
    said = f"the firewall's table holds {used:,} of {most:,} connections"
    if used > most * 0.8:
        remedy = f"Raise net.netfilter.nf_conntrack_max, or leave UDP out: {rule}"
        yield Finding("conntrack", Grade.PROBLEM, said, remedy)
    elif most < _CONNTRACK_ROOM:
        yield Finding("conntrack", Grade.NOTE, said, f"On a busy tracker leave UDP out of it: {rule}")
    else:
        yield Finding("conntrack", Grade.GOOD, said)


def _dropped(table: str, ports: Sequence[int]) -> int:
    """Sum the drops of the sockets on some ports, of a table such as /proc/net/udp."""
    found = 0
    for line in table.splitlines()[1:]:
        parts = line.split()
        if len(parts) > 12 and int(parts[1].rpartition(":")[2], 16) in ports:
            found += int(parts[-1])
    return found

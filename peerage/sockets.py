"""The listening sockets: TCP and UDP on the same port, per address, bound here or handed over by systemd."""

import errno
import os
import socket
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass

from peerage.setting_values import ListenAddress

_TRIES = 50  # for a port that is free in both protocols, when the system chooses
_FIRST_INHERITED = 3  # of sd_listen_fds(3)
_MOST_INHERITED = 64
_MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class BindError(Exception):
    """An address cannot be listened on; the text says which and why."""


@dataclass(frozen=True, slots=True)
class BoundAddress:
    """A listening address with its real port and its two sockets."""

    host: str
    port: int
    tcp: socket.socket
    udp: socket.socket

    @property
    def authority(self) -> str:
        """Host and port as a URL writes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def close(self) -> None:
        """Close both sockets."""
        self.tcp.close()
        self.udp.close()


def bind(listens: Iterable[ListenAddress], *, lenient: bool) -> list[BoundAddress]:
    """Bind every address; when `lenient`, one that this machine does not have is left out. Raises BindError."""
    bound: list[BoundAddress] = []
    try:
        for listen in listens:
            try:
                bound.append(_bind(listen))
            except OSError as error:
                if not (lenient and error.errno in _MISSING):
                    raise BindError(f"cannot listen on {listen}: {error.strerror}") from error
        if not bound:
            raise BindError("this machine has none of the addresses to listen on")
    except BindError:
        for each in bound:
            each.close()
        raise
    return bound


def inherited(environment: MutableMapping[str, str], process: int) -> list[BoundAddress]:
    """Take over the sockets that the service manager bound (sd_listen_fds), if any, and forget them in the environment.

    They outlive this process: whoever connects between two runs waits for the next. BindError: they are no pairs of TCP
    and UDP on the same addresses.
    """
    meant = environment.pop("LISTEN_PID", "") == str(process)
    number = environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    if not meant or not number.isdecimal() or not 0 < int(number) <= _MOST_INHERITED:
        return []
    found: dict[tuple[object, ...], dict[int, socket.socket]] = {}
    for descriptor in range(_FIRST_INHERITED, _FIRST_INHERITED + int(number)):
        each = _inherited_socket(descriptor)
        found.setdefault(each.getsockname()[:2], {})[each.type] = each
    return [_pair(address, kinds) for address, kinds in found.items()]


def _inherited_socket(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        taken = socket.socket(fileno=descriptor)
    except OSError as error:
        raise BindError(f"descriptor {descriptor} of LISTEN_FDS is no socket: {error.strerror}") from error
    if taken.family not in (socket.AF_INET, socket.AF_INET6):
        raise BindError(f"descriptor {descriptor} of LISTEN_FDS is no socket of TCP or UDP")
    taken.setblocking(False)
    return taken


def _pair(address: tuple[object, ...], kinds: dict[int, socket.socket]) -> BoundAddress:
    host, port = str(address[0]), int(str(address[1]))
    try:
        return BoundAddress(host, port, kinds[socket.SOCK_STREAM], kinds[socket.SOCK_DGRAM])
    except KeyError:
        lacks = "ListenDatagram" if socket.SOCK_STREAM in kinds else "ListenStream"
        raise BindError(f"the sockets of {host} port {port} lack one of UDP or TCP: add {lacks}=") from None


def _bind(listen: ListenAddress) -> BoundAddress:
    """Bind both protocols, again where the system's choice for TCP is taken in UDP."""
    family, _, _, _, address = socket.getaddrinfo(
        listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    for left in range(_TRIES - 1, -1, -1):
        tcp = _socket(family, socket.SOCK_STREAM, address)
        port = tcp.getsockname()[1]
        try:
            udp = _socket(family, socket.SOCK_DGRAM, (address[0], port, *address[2:]))
        except OSError as error:
            tcp.close()
            if listen.port or not left or error.errno != errno.EADDRINUSE:
                raise
            continue
        return BoundAddress(listen.host, port, tcp, udp)
    raise AssertionError("unreachable: the last try returns or raises")


def _socket(family: int, kind: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, kind)
    try:
        if kind == socket.SOCK_STREAM:
            # Needed after a restart, with old connections in TIME_WAIT; for UDP it would let a second server bind.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock

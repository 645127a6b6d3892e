"""Checks of how clients reach the service: its ports, and its public address with the proxy and TLS on the way."""

import contextlib
import secrets
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from urllib.parse import urlsplit

from actions.diagnosis import Finding, Grade
from peerage.diagnosis.examined import Examined, RunningService
from peerage.setting_values import ListenAddress

_CONNECT = struct.Struct(">QII")
_CONNECTED = struct.Struct(">IIQ")
_MAGIC = 0x41727101980  # of BEP 15
_DAY = 86_400
_EXPIRES_SOON = 14 * _DAY
_MOST_ANSWER = 4096
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens


def examine_ports(examined: Examined) -> Iterator[Finding]:
    """Find whether each address answers over TCP and UDP, or where no service runs whether it could be had."""
    if examined.service is None:
        yield from _examine_free_ports(examined)
        return
    for each in examined.service.listening:
        host = _ANY.get(each.host, each.host)
        if any(ip_address(host) in network for network in examined.settings.proxy_protocol):
            yield Finding("ports", Grade.NOTE, f"{each} is not tried: this machine is in proxy_protocol")
            continue
        silent = [
            name
            for name, ask in (("TCP", _asks_tcp), ("UDP", _asks_udp))
            if not ask(host, each.port, examined.patience)
        ]
        if silent:
            remedy = "See the firewall of this machine, and the log of the service."
            text = f"{each} does not answer over {' and '.join(silent)} from this machine"
            yield Finding("ports", Grade.PROBLEM, text, remedy)
        else:
            yield Finding("ports", Grade.GOOD, f"{each} answers over TCP and UDP from this machine")


def examine_public_url(examined: Examined) -> Iterator[Finding]:
    """Find whether the public address leads here, over TLS that holds, through a proxy that names its clients."""
    url = examined.settings.public_url
    if url is None:
        local = all(ip_address(_ANY.get(each.host, each.host)).is_loopback for each in _addresses(examined))
        if local:
            yield Finding("public_url", Grade.NOTE, "the service is for this machine alone")
        return
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not _is_loopback(host):
        remedy = "Put a proxy with TLS before it, which `peerage init` configures, and write https:// here."
        text = f"{url}/ is plain HTTP: passwords and keys are read on the way"
        yield Finding("TLS", Grade.WARNING, text, remedy)
    yield from _examine_host(host)
    if examined.service is None:
        yield Finding("public_url", Grade.NOTE, "no service runs, so what arrives through it was not tried")
        return
    yield from _examine_arrival(examined, url, examined.service)


def _addresses(examined: Examined) -> tuple[ListenAddress, ...]:
    return examined.service.listening if examined.service is not None else examined.settings.listen


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _examine_free_ports(examined: Examined) -> Iterator[Finding]:
    from peerage.sockets import BindError, bind  # noqa: PLC0415 - not beside a service

    try:
        bound = bind(examined.settings.listen, lenient=examined.settings.listen_is_default)
    except BindError as error:
        remedy = "Stop what has the port (ss -tulpn), or choose another in `listen`."
        yield Finding("ports", Grade.PROBLEM, str(error), remedy)
        return
    for each in bound:
        each.close()
        yield Finding("ports", Grade.GOOD, f"{each.host} port {each.port} is free; no service runs")


def _asks_tcp(host: str, port: int, patience: float) -> bool:
    try:
        return _get(HTTPConnection(host, port, timeout=patience), "/livez").status == 200
    except (OSError, HTTPException):
        return False


def _asks_udp(host: str, port: int, patience: float) -> bool:
    """Ask for a connection id (BEP 15), twice."""
    transaction = secrets.randbits(32)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(patience / 2)
        for _ in range(2):
            with contextlib.suppress(OSError):
                asking.connect((host, port))
                asking.send(_CONNECT.pack(_MAGIC, 0, transaction))
                answer = asking.recv(2048)
                return len(answer) == _CONNECTED.size and _CONNECTED.unpack(answer)[:2] == (0, transaction)
    return False


def _examine_host(host: str) -> Iterator[Finding]:
    """Find whether the host's name leads to this machine."""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        remedy = "Make its A and AAAA records; `peerage dns` prints the record of the tracker's ports."
        yield Finding("DNS", Grade.PROBLEM, f"{host} is not found: {error}", remedy)
        return
    elsewhere = sorted(address for address in found if not _is_ours(address))
    if elsewhere and len(elsewhere) == len(found):
        text = f"{host} leads to {', '.join(elsewhere)}, which is no address of this machine"
        remedy = (
            "Right where a router or another machine passes on to this one: UDP has to be passed on as well."
        )
        yield Finding("DNS", Grade.NOTE, text, remedy)
    elif elsewhere:
        text = f"{host} leads here, and to {', '.join(elsewhere)}, which is no address of this machine"
        yield Finding("DNS", Grade.WARNING, text, "Remove the record that is wrong: some clients go there.")
    else:
        yield Finding("DNS", Grade.GOOD, f"{host} leads to this machine ({', '.join(sorted(found))})")


def _is_ours(address: str) -> bool:
    """Return whether an address is one of this machine's, which can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind((address, 0))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    expires: float | None
    """When the certificate ends, in unix seconds."""


def _get(connection: HTTPConnection, path: str) -> _Answer:
    """Ask for a path and read a little of what comes. OSError, HTTPException."""
    with contextlib.closing(connection):
        connection.connect()
        expires = None
        if isinstance(connection.sock, ssl.SSLSocket):
            until = (connection.sock.getpeercert() or {}).get("notAfter")
            expires = ssl.cert_time_to_seconds(str(until)) if until else None
        connection.request("GET", path, headers={"User-Agent": "peerage-doctor", "Connection": "close"})
        answer = connection.getresponse()
        answer.read(_MOST_ANSWER)
        return _Answer(answer.status, expires)


def _examine_arrival(examined: Examined, url: str, service: RunningService) -> Iterator[Finding]:
    """Send a request to the public address, as anybody would, and look at how it arrives."""
    from doors.arrivals import PARAMETER  # noqa: PLC0415 - with a service

    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    token = service.arrivals.expect()
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=examined.patience)
        answer = _get(connection, f"{parts.path}/livez?{PARAMETER}={token}")
    except ssl.SSLError as error:
        service.arrivals.take(token)
        remedy = "Renew it, and let the proxy send the whole chain (fullchain.pem)."
        yield Finding("TLS", Grade.PROBLEM, f"the certificate of {url} does not hold: {error}", remedy)
        return
    except (OSError, HTTPException) as error:
        service.arrivals.take(token)
        remedy = (
            "See DNS, firewall and proxy; where a router lets nobody in from inside, try it from elsewhere."
        )
        yield Finding("public_url", Grade.WARNING, f"{url}/ is not reached from here: {error}", remedy)
        return
    if answer.expires is not None:
        yield _certificate(url, answer.expires - examined.now)
    arrived = service.arrivals.take(token)
    if arrived is None:
        text = f"{url}/ is answered with {answer.status}, and not by this service"
        remedy = "Let the proxy pass it on to this port, with the path of public_url if it has one."
        yield Finding("public_url", Grade.PROBLEM, text, remedy)
        return
    yield from _judge_forwarding(
        examined, arrived.socket, arrived.client, dict(arrived.forwarding), trusted=arrived.trusted
    )
    if _host_of(arrived.host) != parts.hostname:
        text = f"requests to {parts.hostname} arrive with Host: {arrived.host}"
        yield Finding("proxy", Grade.NOTE, text, "Let the proxy keep the Host header.")


def _host_of(header: str) -> str | None:
    """Return the host of a Host header without its port, which a proxy may leave out."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def _certificate(url: str, left: float) -> Finding:
    days = int(left // _DAY)
    if left < _EXPIRES_SOON:
        remedy = (
            "Renew it now; see why that is not done by itself (certbot renew --dry-run, the proxy's log)."
        )
        return Finding("TLS", Grade.WARNING, f"the certificate of {url} ends in {days} days", remedy)
    return Finding("TLS", Grade.GOOD, f"the certificate of {url} holds for {days} days")


def _judge_forwarding(
    examined: Examined, peer: str, client: str, headers: dict[str, str], *, trusted: bool
) -> Iterator[Finding]:
    """Find whether the client's address survives the way."""
    wanted = examined.settings.forwarded_header
    if trusted and wanted in headers:
        text = f"a request arrives from the proxy {peer}, which names {client or 'nobody'} as its client"
        yield Finding("proxy", Grade.GOOD, text)
    elif trusted and headers:
        text = f"the proxy {peer} names its client in {', '.join(headers)}, and {wanted} is read"
        remedy = f'forwarded_header = "{next(iter(headers))}", if the proxy sets it itself.'
        yield Finding("proxy", Grade.PROBLEM, text, remedy)
    elif trusted:
        text = (
            f"a request arrives from the trusted proxy {peer} without {wanted}: every client has its address"
        )
        remedy = "Take the proxy's configuration that `peerage init` prints."
        yield Finding("proxy", Grade.PROBLEM, text, remedy)
    elif headers:
        text = (
            f"a request from {peer}, no trusted proxy, has {', '.join(headers)}: every client has its address"
        )
        yield Finding("proxy", Grade.PROBLEM, text, f'trusted_proxies = ["{peer}"]')
    else:
        yield Finding("proxy", Grade.GOOD, f"a request arrives without a proxy, from {peer}")

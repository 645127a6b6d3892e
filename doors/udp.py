"""The UDP tracker (BEP 15, BEP 41) on asyncio: each packet is answered by at most one.

Without a valid connection id only connect is answered, and no error is longer than its request, so the tracker
cannot be used for amplification.
"""

import asyncio
import socket
from collections.abc import Callable

from bittorrent import udp
from bittorrent.addresses import is_private
from bittorrent.passkey import read_path
from bittorrent.peers import pack, parse_address
from bittorrent.refusal import Refusal
from doors.announce import DEFAULT_NUMWANT, MAX_NUMWANT
from doors.connection_ids import BadConnections, ConnectionKeys
from doors.proxy_protocol import NO_PROXIES, BadProxyHeader, ProxyNetworks, read_proxy_header
from doors.root_path import below
from tracker.access import refusal_of, told
from tracker.counters import Transport
from tracker.model import Announce, AnnounceFailure, Families
from tracker.tracker import Tracker

BAD_CONNECTION = b"bad connection ID"
MAX_NUMWANT_IPV6 = 66
"""IPv6 peers per answer, so that a packet stays under 1,232 bytes and is not fragmented."""

RECEIVE_BUFFER = 4 << 20


class UdpDoor(asyncio.DatagramProtocol):
    """Answers the UDP tracker's packets of one socket; `root` is the root path that their URLs may begin with.

    `key` is both of `keys` until other code sets them. Packets from `proxied` networks begin with a header of the PROXY
    protocol, or are ignored; answers have none.
    """

    def __init__(
        self,
        tracker: Tracker,
        key: bytes,
        clock: Callable[[], float],
        *,
        refuse_private: bool,
        root: str = "",
        proxied: ProxyNetworks = NO_PROXIES,
    ) -> None:
        self._tracker = tracker
        self.keys = ConnectionKeys(key, key)
        self._bad = BadConnections()
        self._clock = clock
        self._refuse_private = refuse_private
        self._root = root.encode()
        self._proxied = proxied
        self._transport: asyncio.DatagramTransport | None = None

    def set_keys(self, keys: ConnectionKeys) -> None:
        """Give connection ids by other keys from now on."""
        self.keys = keys

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep the transport and enlarge the socket's receive buffer."""
        self._transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one packet, or ignore it."""
        if addr[1] == 0 or self._transport is None:
            return
        address = parse_address(addr[0])
        if self._proxied and addr[0] in self._proxied:
            try:
                header = read_proxy_header(data, packet=True)
            except BadProxyHeader:
                return
            assert header is not None  # a packet is whole
            address, data = header.client or address, data[header.length :]
        if len(data) > udp.LARGEST_PACKET:
            return
        answer = self.answer(data, address)
        if answer is not None:
            self._transport.sendto(answer, addr)

    def answer(self, packet: bytes, address: bytes) -> bytes | None:
        """Return the packet that answers one from an address of 4 or 16 raw bytes."""
        request = udp.read_request(packet)
        if request is None:
            return None
        now = int(self._clock())
        if isinstance(request, udp.Connect):
            return udp.connect_reply(request.transaction, udp.connection_id(self.keys.current, address, now))
        if not self.keys.hold(request.connection, address, now):
            if not self._bad.answers(self.keys, address, now):
                return None
            return udp.error_reply(request.transaction, BAD_CONNECTION, len(packet))
        if isinstance(request, udp.MalformedRequest):
            return self._refuse(request.transaction, Refusal(request.code), len(packet))
        if isinstance(request, udp.ScrapeRequest):
            return self._scrape(request, address, len(packet))
        return self._announce(request, address, len(packet))

    def _announce(self, request: udp.AnnounceRequest, address: bytes, length: int) -> bytes | None:
        if self._refuse_private and is_private(address):
            return self._refuse(request.transaction, Refusal("private-address"), length)
        families, most = (Families.V4, MAX_NUMWANT) if len(address) == 4 else (Families.V6, MAX_NUMWANT_IPV6)
        numwant = min(DEFAULT_NUMWANT if request.numwant < 0 else request.numwant, most)
        url, _, query = request.url_data.partition(b"?")
        path = read_path(below(url, self._root))
        try:
            self._tracker.check_access(address, request.peer_id, request.event)
            passkey = path.passkey if path is not None else b""
            account = self._tracker.account_of(passkey, query, (request.infohash,))
        except Refusal as refusal:
            return self._refuse(request.transaction, refusal, length)
        announce = Announce(
            request.infohash,
            pack(address, request.port),
            request.event,
            request.left == 0,
            numwant,
            families,
            Transport.UDP,
            account,
            request.peer_id,
            request.uploaded,
            request.downloaded,
        )
        reply = self._tracker.announce(announce)
        if isinstance(reply, AnnounceFailure):
            return udp.error_reply(request.transaction, told(refusal_of(reply)), length)
        counts = reply.counts
        peers = reply.peers or reply.peers6
        return udp.announce_reply(
            request.transaction, reply.interval, counts.incomplete, counts.complete, peers
        )

    def _scrape(self, request: udp.ScrapeRequest, address: bytes, length: int) -> bytes | None:
        try:
            self._tracker.account_of(
                b"", infohashes=request.infohashes
            )  # BEP 41 has no options behind a scrape
            self._tracker.check_access(address)
        except Refusal as refusal:
            return self._refuse(request.transaction, refusal, length)
        files = self._tracker.scrape(request.infohashes, Transport.UDP)
        return udp.scrape_reply(
            request.transaction, [(each.complete, each.downloaded, each.incomplete) for _, each in files]
        )

    def _refuse(self, transaction: bytes, refusal: Refusal, length: int) -> bytes | None:
        self._tracker.counters.refusals[refusal.code] += 1
        return udp.error_reply(transaction, told(refusal), length)

    def error_received(self, exc: Exception) -> None:
        """Ignore ICMP errors about a single client."""

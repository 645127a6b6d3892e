"""HTTP tracker replies as bencode, written by hand with keys in bytewise order.

Sources: BEP 3, BEP 7 (peers6), BEP 21 (downloaders), BEP 23 (compact), BEP 24 (external ip), BEP 31 (retry in).
"""

from collections.abc import Iterable

from bittorrent.infohash import InfoHash
from bittorrent.peers import unpack_all
from bittorrent.refusal import Refusal
from tracker.access import told
from tracker.model import Counts, Reply

_STRIDE4, _STRIDE6 = 6, 18


def write_announce(reply: Reply, address: bytes, *, compact: bool) -> bytes:
    """Return the answer to an announce from an address of 4 or 16 raw bytes."""
    head = (
        b"d8:completei%de10:downloadedi%de11:external ip%d:%b10:incompletei%de8:intervali%de12:min intervali%de"
        % (
            reply.counts.complete,
            reply.counts.downloaded,
            len(address),
            address,
            reply.counts.incomplete,
            reply.interval,
            reply.min_interval,
        )
    )
    if compact:
        peers = b"5:peers%d:%b" % (len(reply.peers), reply.peers)
        if reply.peers6:
            peers += b"6:peers6%d:%b" % (len(reply.peers6), reply.peers6)
    else:
        peers = b"5:peersl%be" % _dictionaries(reply)
    warning = b"15:warning message%d:%b" % (len(reply.warning), reply.warning) if reply.warning else b""
    return head + peers + warning + b"e"


def _dictionaries(reply: Reply) -> bytes:
    peers = unpack_all(reply.peers, _STRIDE4) + unpack_all(reply.peers6, _STRIDE6)
    return b"".join(b"d2:ip%d:%b4:porti%dee" % (len(ip), ip.encode(), port) for ip, port in peers)


def write_failure(refusal: Refusal, interval: int, min_interval: int) -> bytes:
    """Return the answer that refuses an announce or a scrape; its text is the table's, never the client's."""
    text = told(refusal)
    minutes = b"%d" % max(1, interval // 60)
    return b"d14:failure reason%d:%b8:intervali%de12:min intervali%de8:retry in%d:%be" % (
        len(text),
        text,
        interval,
        min_interval,
        len(minutes),
        minutes,
    )


def write_scrape(files: Iterable[tuple[InfoHash, Counts]], min_interval: int) -> bytes:
    """Return the answer to a scrape, sorted by hash."""
    entries = b"".join(
        b"20:%bd8:completei%de10:downloadedi%de11:downloadersi%de10:incompletei%dee"
        % (infohash, counts.complete, counts.downloaded, counts.downloaders, counts.incomplete)
        for infohash, counts in sorted(dict(files).items())
    )
    return b"d5:filesd%be5:flagsd20:min_request_intervali%deee" % (entries, min_interval)

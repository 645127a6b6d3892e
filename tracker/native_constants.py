"""Constants that C and Python share, and the C header that is written from them.

`python -m tracker.native_constants` writes `tracker/native/constants.h`.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from pathlib import Path

from bittorrent import query, shares, udp, webtorrent
from bittorrent.client_pattern import VERSION_PARTS, VersionStyle
from bittorrent.infohash import V1_LENGTH, V2_LENGTH
from bittorrent.passkey import PASSKEY_MOST
from tracker import (
    access,
    account_bounds,
    account_limits,
    changes,
    journal_row,
    model,
    pool,
    sampling,
    sessions,
    socket_peers,
    swarm,
    swarms,
)
from tracker.model import Event, Families, Transport, Verdict

HEADER = Path(__file__).parent / "native" / "constants.h"

REFUSALS = (
    "query-too-long",
    "no-info-hash",
    "many-info-hashes",
    "bad-info-hash",
    "hex-info-hash",
    "bad-escape",
    "bad-peer-id",
    "bad-port",
    "full-scrape",
    "no-address",
    "private-address",
    "unlisted",
    "denied",
    "bad-request",
    "unknown-passkey",
    "no-passkey",
    "passkey-disabled",
    "passkey-suspended",
    "address-denied",
    "client-denied",
    "other-peer-id",
    "peer-id-taken",
    "many-torrents",
    "unknown-offer",
)
"""Codes of the refusals that C answers with, in the order of its numbers; the sentences are passed at start."""


class StreamOutcome(IntEnum):
    """What follows the requests of a connection that were answered from its bytes."""

    MORE = 0
    """Perhaps whole requests: the buffer for answers was full."""
    PART = 1
    """The beginning of a request, or nothing."""
    AWAY = 2
    """A request for another server."""
    CLOSE = 3
    """Nothing that is answered: the connection ends."""
    UPGRADE = 4
    """What comes over WebSocket from here on."""


_ENUMS: Mapping[str, type[IntEnum]] = {
    "event": Event,
    "transport": Transport,
    "verdict": Verdict,
    "family": Families,
    "outcome": StreamOutcome,
    "style": VersionStyle,
}
_TYPES = {
    **dict.fromkeys(("COMPLETED", "PAUSED", "LEECHER", "GONE"), "UINT32_C"),
    **dict.fromkeys(("EPOCH", "CLOCK_SKEW"), "INT64_C"),
    **dict.fromkeys(
        ("MAX_COMPLETED", "LARGEST_TOTAL", "MAX_PART", "DISABLED_ACCOUNT", "SUSPENDED_PASSKEY"), "UINT64_C"
    ),
    "LOOK_STEP": "UINT32_C",
}
_NUMBERS = {
    "INFOHASH": V1_LENGTH,
    "V2_INFOHASH": V2_LENGTH,
    "PEER_ID": query.PEER_ID_LENGTH,
    "PASSKEY_MOST": PASSKEY_MOST,
    "MAX_PASSKEYS": model.MAX_PASSKEYS,
    "DISABLED_ACCOUNT": model.DISABLED_ACCOUNT,
    "SUSPENDED_PASSKEY": model.SUSPENDED_PASSKEY,
    "MAX_NUMWANT": model.MAX_NUMWANT,
    "MOST_CLIENTS": account_bounds.MOST_CLIENTS,
    "MOST_SLOTS": account_bounds.MOST_SLOTS,
    "VERSION_PARTS": VERSION_PARTS,
    "MOST_CLIENT_RULES": access.MOST_CLIENT_RULES,
    "MOST_ADDRESS_RULES": access.MOST_ADDRESS_RULES,
    "DENIAL_MOST": access.DENIAL_MOST,
    "MOST_REASONS": access.MOST_REASONS,
    "MOST_LARGEST": model.MOST_LARGEST,
    "SAMPLE_EVERY": sampling.SAMPLE_EVERY,
    "CLIENT_SAMPLES": sampling.CLIENT_SAMPLES,
    "SAMPLED_ID": sampling.SAMPLED_ID,
    "LATENCY_BUCKETS": sampling.LATENCY_BUCKETS,
    "LATENCY_SHIFT": sampling.LATENCY_SHIFT,
    "TAG_BYTES": account_limits.TAG_BYTES,
    "RETRY_SOON": swarms.RETRY_SOON,
    "EPOCH": pool.EPOCH,
    "COMPLETED": pool.COMPLETED,
    "PAUSED": pool.PAUSED,
    "LEECHER": changes.LEECHER,
    "GONE": changes.GONE,
    "RANK_SHIFT": changes.RANK_SHIFT,
    "CLOCK_SKEW": changes.CLOCK_SKEW,
    "MAX_CONSUMERS": changes.MAX_CONSUMERS,
    "CHANGES_AT_ONCE": changes.CHANGES_AT_ONCE,
    "MAX_NODES": changes.MAX_NODES,
    "MAX_COMPLETED": changes.MAX_COMPLETED,
    "DELTAS_AT_ONCE": sessions.DELTAS_AT_ONCE,
    "EXPIRED_AT_ONCE": model.EXPIRED_AT_ONCE,
    "LARGEST_TOTAL": sessions.LARGEST,
    "NETWORK6": sessions.NETWORK6,
    "SHARDS": model.BUCKETS,
    "SWARM_COST": swarms.SWARM_COST,
    "LOOKED_AT": swarms.LOOKED_AT,
    "LOOK_STEP": swarms.LOOK_STEP,
    "NARROW_PART": shares.NARROW_PART,
    "ROWS_AT_ONCE": swarms.ROWS_AT_ONCE,
    "ROW_VERSION": journal_row.VERSION,
    "ROW_BITS": swarm.ROW_BITS,
    "MAX_PART": journal_row.MAX_PART,
    "ANNOUNCE_LIMIT": query.ANNOUNCE_LIMIT,
    "SCRAPE_LIMIT": query.SCRAPE_LIMIT,
    "SCRAPE_HASHES": query.SCRAPE_HASHES,
    "OFFER_ID": webtorrent.OFFER_ID_LENGTH,
    "MOST_OFFERS": webtorrent.MOST_OFFERS,
    "OFFER_SECONDS": int(socket_peers.OFFER_SECONDS),
    "OFFER_ROUNDS": socket_peers.OFFER_ROUNDS,
    "UDP_SMALLEST": udp.SMALLEST_PACKET,
    "UDP_LARGEST": udp.LARGEST_PACKET,
    "UDP_ANNOUNCE": udp.ANNOUNCE_LENGTH,
    "UDP_URL_DATA": udp.URL_DATA_LIMIT,
    "UDP_CONNECTION_SECONDS": udp.CONNECTION_SECONDS,
    "UDP_CONNECTION_SKEW": udp.CONNECTION_SKEW,
    "UDP_BAD_ANSWERS": udp.BAD_ANSWERS,
    "UDP_BAD_SECONDS": udp.BAD_SECONDS,
    "UDP_BAD_SLOTS": udp.BAD_SLOTS,
}


def header() -> str:
    """Return the text of the C header."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "/* Constants that Python shares: written by `python -m tracker.native_constants`, not by hand. */"
    yield "#ifndef PEERAGE_CONSTANTS_H"
    yield "#define PEERAGE_CONSTANTS_H"
    yield ""
    yield "#include <stdint.h>"
    yield ""
    for name, value in _NUMBERS.items():
        yield f"#define {name} {_TYPES[name]}({value})" if name in _TYPES else f"#define {name} {value}"
    yield f"#define EVICT_ABOVE {swarms.EVICT_ABOVE}"
    yield ""
    for name, members in _ENUMS.items():
        yield f"enum {name} {{"
        yield from (f"    {name.upper()}_{member.name} = {member.value}," for member in members)
        if [member.value for member in members] == list(range(len(members))):
            yield f"    {name.upper()}_COUNT"
        yield "};"
        yield ""
    yield "#define REFUSALS(ROW) \\"
    rows = [f'    ROW({code.replace("-", "_").upper()}, "{code}")' for code in REFUSALS]
    yield " \\\n".join(rows)
    yield ""
    yield "enum refusal {"
    yield "#define REFUSAL_NAME(name, code) REFUSED_##name,"
    yield "    REFUSALS(REFUSAL_NAME)"
    yield "#undef REFUSAL_NAME"
    yield "    REFUSAL_COUNT,"
    yield "    NOT_REFUSED = REFUSAL_COUNT"
    yield "};"
    yield ""
    yield "#endif"


if __name__ == "__main__":
    HEADER.write_text(header())

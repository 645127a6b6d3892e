"""A lookup that meets a peer which speaks BEP 10 and BEP 9, and lies."""

import asyncio
import contextlib
import hashlib

import bencodepy
import pytest

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from tests.downloads.test_libtorrent_engine import running
from tests.support.torrents import torrent

TRUE = Metainfo.parse(torrent("true")).info
FALSE = Metainfo.parse(torrent("lies")).info
HASH = InfoHash(hashlib.sha1(TRUE).digest())
_PEER = b"-XX0001-" + b"x" * 12


class Liar:
    """Offers `info` as the metadata of any torrent, said to have `size` bytes."""

    def __init__(self, info, size=None):
        self.info = info
        self.size = len(info) if size is None else size
        self.asked = 0

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            hello = await reader.readexactly(68)
            writer.write(b"\x13BitTorrent protocol" + bytes(5) + b"\x10\0\0" + hello[28:48] + _PEER)
            self._say(writer, 0, {b"m": {b"ut_metadata": 2}, b"metadata_size": self.size})
            theirs = 2
            while True:
                length = int.from_bytes(await reader.readexactly(4), "big")
                message = await reader.readexactly(length)
                if message[:2] == b"\x14\x00":
                    theirs = bencodepy.decode(message[2:])[b"m"].get(b"ut_metadata", theirs)
                elif message[:2] == b"\x14\x02":
                    self.asked += 1
                    piece = bencodepy.decode(message[2:])[b"piece"]
                    answer = {b"msg_type": 1, b"piece": piece, b"total_size": self.size}
                    self._say(writer, theirs, answer, self.info[piece * 16384 :][:16384])
                await writer.drain()
        writer.close()

    def _say(self, writer, kind, value, rest=b""):
        body = bytes([20, kind]) + bencodepy.encode(value) + rest
        writer.write(len(body).to_bytes(4, "big") + body)


async def look(folder, liar, seconds):
    server = await asyncio.start_server(liar.serve, "127.0.0.1", 0)
    peer = server.sockets[0].getsockname()[:2]
    async with running(folder) as (engine, _):
        found = await engine.fetch_metadata(HASH, peers=(peer,), trackers=(), dht=False, seconds=seconds)
    server.close()
    return found


async def test_a_peer_that_tells_the_truth_is_believed(tmp_path):
    assert Metainfo.parse(await look(tmp_path, Liar(TRUE), 10)).info == TRUE


@pytest.mark.parametrize("liar", [Liar(FALSE), Liar(b"x" * len(TRUE)), Liar(TRUE, 1 << 31), Liar(b"", 0)])
async def test_a_peer_that_lies_is_not(tmp_path, liar):
    assert await look(tmp_path, liar, 1) is None

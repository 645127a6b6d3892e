"""Finished answers in memory: what drops them is in force on the next request, and they never hold more than they may."""

import asyncio
import os
import platform
import random
import re
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bittorrent.infohash import InfoHash
from cache.record import CacheRecord
from doors.file_answers import FileAnswers
from doors.kept_files import SECONDS, KeptFileRenewal, KeptFiles
from doors.native import native
from tests.support.file_service import PATIENCE, FileService, all_of, body, file_service, status
from tests.support.tasks import until
from tests.support.torrents import names, torrent

pytestmark = [pytest.mark.skipif(native is None, reason="the extension is not built"), pytest.mark.uvloop]

# What the kernel calls RESOLVE_CACHED came with Linux 5.12; before, stored files are read by Python.
reads_natively = pytest.mark.skipif(
    tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2]) < (5, 12),
    reason="an old kernel",
)
CLIENTS = 4
GZIP = "Accept-Encoding: gzip"
NOISE = random.Random(4).randbytes


async def kept(service: FileService, data: bytes) -> str:
    """Upload a torrent, have its answer kept, and return its target."""
    target = f"/torrent/{await service.add(data)}"
    assert body(await service.get(target)) == data
    before = service.answered
    assert body(await service.get(target)) == data
    assert service.answered == before + 1
    return target


async def block(service: FileService, infohash: InfoHash) -> None:
    await service.application.torrents.takedowns.block(infohash, "a reason", "test")


async def unblock(service: FileService, infohash: InfoHash) -> None:
    await service.application.torrents.takedowns.unblock(infohash)


@pytest.mark.parametrize("noise", [0, 100_000], ids=["from memory", "from its file"])
async def test_nobody_gets_a_torrent_once_its_block_has_returned(tmp_path: Path, noise: int) -> None:
    data = torrent("taken down", extra=NOISE(noise))
    infohash = InfoHash.parse(names(data)[0])
    target = f"/torrent/{infohash.upper}"

    async with file_service(tmp_path) as service:
        over, blocked = asyncio.Event(), 0

        async def ask() -> None:
            """Ask without pause; what is asked while a block holds is never answered with the file."""
            connection = None
            while not over.is_set():
                if connection is None:
                    connection = await asyncio.open_connection("127.0.0.1", service.port)
                reader, writer = connection
                held = blocked
                writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n{GZIP}\r\n\r\n".encode())
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                await reader.readexactly(length)
                assert status(head) == 404 or not held or held != blocked
                if status(head) == 404:  # begin again with the native threads
                    writer.transport.abort()
                    connection = None
            if connection is not None:
                connection[1].transport.abort()

        clients = [asyncio.create_task(ask()) for _ in range(CLIENTS)]
        for number in range(1, 16):
            await service.add(data)
            await asyncio.wait_for(_until_kept(service, target), PATIENCE)
            await block(service, infohash)
            blocked = number
            answers = await all_of([service.get(target, GZIP) for _ in range(CLIENTS)])
            assert [status(each) for each in answers] == [404] * CLIENTS
            blocked = 0
            await unblock(service, infohash)
        over.set()
        await asyncio.gather(*clients)
        assert service.answered >= 15


async def _until_kept(service: FileService, target: str) -> None:
    before = service.answered
    while service.answered == before:
        await service.get(target, GZIP)


class Gate:
    """Holds up readers of one method until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, of: object, name: str) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        method: Callable[..., Awaitable[Any]] = getattr(of, name)

        async def gated(*arguments: Any, **named: Any) -> Any:
            found = await method(*arguments, **named)
            self.reached.set()
            await self.opened.wait()
            return found

        monkeypatch.setattr(of, name, gated)


@pytest.mark.parametrize("change", ["block", "hide", "remove"])
async def test_an_answer_decided_before_a_change_is_not_kept_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    data = torrent("late")

    async with file_service(tmp_path) as service:
        infohash = await service.add(data)
        target = f"/torrent/{infohash}"
        with monkeypatch.context() as patched:
            gate = Gate(patched, service.application.torrents.cache, "get")
            asked = asyncio.create_task(service.get(target))
            await gate.reached.wait()
            if change == "block":
                await block(service, InfoHash.parse(infohash))
            elif change == "hide":
                await service.hide(infohash)
            else:
                await service.application.torrents.takedowns.remove_file([InfoHash.parse(infohash)])
            gate.opened.set()
            assert body(await asked) == data
        assert service.listeners.kept_files is not None
        counts = service.listeners.kept_files.counts()
        assert (counts.count, counts.stored, counts.refused) == (0, 0, 1)
        assert status(await service.get(target)) == 404


async def test_a_hidden_torrent_is_not_there_until_it_is_shown_again(tmp_path: Path) -> None:
    data = torrent("hidden")

    async with file_service(tmp_path) as service:
        target = await kept(service, data)
        infohash = target.rpartition("/")[2]
        for _ in range(20):
            await service.hide(infohash)
            assert status(await service.get(target)) == 404
            await service.hide(infohash, hidden=False)
            assert body(await service.get(target)) == data
            assert body(await service.get(target)) == data


async def test_a_hybrid_is_dropped_whichever_of_its_hashes_is_blocked(tmp_path: Path) -> None:
    data = torrent("both", hybrid=True)

    async with file_service(tmp_path) as service:
        for name in names(data):
            target = await kept(service, data)
            alias = f"/torrent/{names(data)[1]}"
            before = service.answered
            assert body(await service.get(alias)) == data
            assert service.answered == before, "by its alias it is always looked up"
            await block(service, InfoHash.parse(name))
            for each in (target, alias):
                assert status(await service.get(each)) == 404
            await unblock(service, InfoHash.parse(name))


async def test_a_file_that_is_set_aside_is_dropped(tmp_path: Path) -> None:
    data = torrent("damaged")

    async with file_service(tmp_path) as service:
        target = await kept(service, data)
        [file] = (tmp_path / "data").rglob("*.torrent.gz")
        file.write_bytes(b"damaged")
        cache = service.application.torrents.cache
        record = await cache.find(InfoHash.parse(names(data)[0]))
        assert isinstance(record, CacheRecord)
        assert not await cache.verify(record)
        assert status(await service.get(target)) == 404
        await service.add(data)
        assert body(await service.get(target)) == data


async def test_those_in_use_are_made_anew_before_they_end(tmp_path: Path) -> None:
    async with file_service(tmp_path) as service:
        table, torrents = service.listeners.kept_files, service.application.torrents
        assert table is not None
        early = KeptFiles(table.table, time.monotonic, renewed_before=SECONDS + 1)
        renewal = KeptFileRenewal(early, torrents.cache, torrents.files)
        used, unused = torrent("used"), torrent("unused")
        target = f"/torrent/{await service.add(unused)}"
        await service.get(target)
        target = await kept(service, used)
        assert [each for shard in range(16) for each in table.ending(shard)] == []
        [(infohash, packed)] = [each for shard in range(16) for each in early.ending(shard)]
        assert (infohash.upper, packed) == (names(used)[0], False)
        await torrents.cache.asked.flush()
        for shard in range(16):
            await renewal.renew(shard)
        assert torrents.cache.asked.waits(infohash), "what threads answer alone was asked for"
        assert not torrents.cache.asked.waits(InfoHash.parse(names(unused)[0]))
        assert table.counts().stored == 3
        assert [each for shard in range(16) for each in early.ending(shard)] == []
        assert body(await service.get(target)) == used
        [file] = [
            each for each in (tmp_path / "data").rglob("*.torrent.gz") if names(used)[0][4:] in each.name
        ]
        file.unlink()
        assert body(await service.get(target)) == used, "until it is looked at again"
        for shard in range(16):
            await renewal.renew(shard)
        assert status(await service.get(target)) == 404


async def test_answers_end_with_their_time(tmp_path: Path) -> None:
    async with file_service(tmp_path) as service:
        table = service.listeners.kept_files
        assert table is not None
        ended, data = KeptFiles(table.table, time.monotonic, seconds=0), torrent("short")
        infohash = InfoHash.parse(await service.add(data))
        record = await service.application.torrents.cache.find(infohash)
        assert isinstance(record, CacheRecord)
        for count in range(1, 4):
            assert ended.keep(infohash, FileAnswers(record, packed=False), data, ended.generation(infohash))
            assert body(await service.get(f"/torrent/{infohash.upper}")) == data
            assert (service.answered, table.counts().expired) == (0, count)


async def test_slow_readers_share_one_copy_and_get_it_whole(tmp_path: Path) -> None:
    data = torrent("slow", extra=NOISE(900_000))

    async with file_service(tmp_path) as service:
        loop = asyncio.get_running_loop()
        target, table = await kept(service, data), service.listeners.kept_files
        assert table is not None
        held = table.counts().bytes
        service.bound.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        clients = []
        for _ in range(8):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", service.port))
            # A second request behind the first waits for its turn.
            await loop.sock_sendall(client, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 2)
            clients.append(client)
        before = [await loop.sock_recv(client, 1) for client in clients]
        assert table.counts().bytes == held
        await block(service, InfoHash.parse(names(data)[0]))
        assert table.counts().count == 0
        assert table.counts().bytes == held, "what is being sent is counted"

        async def read(client: socket.socket) -> bytes:
            answer = b"H"
            while answer.count(b"HTTP/1.1 ") < 2 or not answer.endswith(b"</html>\n"):
                more = await asyncio.wait_for(loop.sock_recv(client, 1 << 16), PATIENCE)
                assert more
                answer += more
            return answer

        assert before == [b"H"] * len(clients)
        for answer in await all_of([read(client) for client in clients]):
            first, _, second = answer.rpartition(b"HTTP/1.1 ")
            assert body(first) == data
            assert second.startswith(b"404 ")
        for client in clients:
            client.close()
        await until(lambda: not table.counts().bytes)


async def test_a_client_that_does_not_read_is_dropped_with_its_file(tmp_path: Path) -> None:
    data = torrent("unread", extra=NOISE(900_000))

    async with file_service(tmp_path, http={"body_timeout": 0.5}) as service:
        loop = asyncio.get_running_loop()
        target, table = await kept(service, data), service.listeners.kept_files
        assert table is not None
        service.bound.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", service.port))
            await loop.sock_sendall(client, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await loop.sock_recv(client, 1)
            table.forget([InfoHash.parse(names(data)[0])])
            assert table.counts().bytes
            await until(lambda: not table.counts().bytes)


async def test_without_memory_for_them_every_answer_is_made(tmp_path: Path) -> None:
    data = torrent("none")

    async with file_service(tmp_path, memory=0) as service:
        assert service.listeners.kept_files is None
        target = f"/torrent/{await service.add(data)}"
        for _ in range(3):
            assert body(await service.get(target)) == data
        assert service.answered == 0


def stored(service: FileService, infohash: str) -> Path:
    """Where a torrent's file is stored."""
    folder = service.application.stores.blobs.folder
    return folder / infohash[:2] / infohash[2:4] / f"{infohash[4:]}.torrent.gz"


def descriptors() -> int:
    """How many this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def packed(service: FileService, infohash: str) -> tuple[bytes, bool]:
    """A torrent's file as it is stored, and whether native code answered with it."""
    before = service.answered
    answer = await service.get(f"/torrent/{infohash}", GZIP)
    return (body(answer) if status(answer) == 200 else b""), service.answered > before


@reads_natively
@pytest.mark.parametrize("noise", [20_000, 300_000, 3_000_000])
async def test_a_large_file_is_sent_from_where_it_is_stored(tmp_path: Path, noise: int) -> None:
    async with file_service(tmp_path) as service:
        infohash = await service.add(torrent("large", extra=NOISE(noise)))
        whole = stored(service, infohash).read_bytes()
        assert await packed(service, infohash) == (whole, False)
        assert await packed(service, infohash) == (whole, True)
        assert service.listeners.kept_files is not None
        assert 0 < service.listeners.kept_files.counts().bytes < 2000
        line = f"/torrent/{infohash} HTTP/1.1\r\nHost: x\r\n{GZIP}\r\n"
        sent = f"GET {line}\r\nHEAD {line}\r\n" * 3 + f"GET {line}Connection: close\r\n\r\n"
        answers = await service.ask(sent.encode())
        assert answers.count(whole) == 4
        assert answers.endswith(whole)


@reads_natively
async def test_what_is_evicted_is_read_again_while_it_is_the_same(tmp_path: Path) -> None:
    async with file_service(tmp_path, memory=250_000) as service:
        added = [await service.add(torrent(f"one of many {n}", extra=NOISE(3000))) for n in range(120)]
        files = {each: stored(service, each).read_bytes() for each in added}
        for infohash, whole in files.items():
            assert (await packed(service, infohash))[0] == whole
        answers = [await packed(service, infohash) for infohash in files]
        assert [found for found, _ in answers] == list(files.values())
        assert service.listeners.kept_files is not None
        counts = service.listeners.kept_files.counts()
        assert counts.bytes < 250_000 < sum(map(len, files.values()))
        assert sum(natively for _, natively in answers) == len(files)


@reads_natively
@pytest.mark.parametrize("how", ["altered", "cut", "deleted", "linked"])
async def test_a_file_that_is_another_is_not_sent(tmp_path: Path, how: str) -> None:
    async with file_service(tmp_path) as service:
        infohash = await service.add(torrent("changed", extra=NOISE(50_000)))
        path = stored(service, infohash)
        whole = path.read_bytes()
        for _ in range(2):
            assert (await packed(service, infohash))[0] == whole
        if how == "linked":
            path.rename(tmp_path / "elsewhere")
            path.symlink_to(tmp_path / "elsewhere")
        elif how == "deleted":
            path.unlink()
        elif how == "cut":
            os.truncate(path, 1000)
        else:
            path.write_bytes(whole[:-1] + b"!")
        assert await packed(service, infohash) == (b"", False)


@reads_natively
async def test_readers_of_stored_files_are_bounded_and_others_are_answered(tmp_path: Path) -> None:
    async with file_service(tmp_path) as service:
        infohash = await service.add(torrent("slow", extra=NOISE(8_000_000)))
        for _ in range(2):
            await packed(service, infohash)
        request = f"GET /torrent/{infohash} HTTP/1.1\r\nHost: x\r\n{GZIP}\r\n\r\n".encode()
        opened = descriptors()
        slow = [await asyncio.open_connection("127.0.0.1", service.port, limit=1000) for _ in range(20)]
        for reader, writer in slow:
            writer.write(request)
            await reader.readuntil(b"\r\n\r\n")
        assert descriptors() >= opened + 2 * len(slow) + len(slow) // 2
        assert (await packed(service, infohash))[1]
        for _, writer in slow:
            writer.transport.abort()
        while descriptors() > opened + len(slow) // 2:
            await packed(service, infohash)

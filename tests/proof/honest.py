"""Asks the service as honest people do, at a fixed rate, whatever it answers: pages, files, searches, uploads, log-ins.

`python -m tests.proof.honest --port N --seconds S --file /torrent/….torrent --account NAME:PASSWORD` prints one JSON object a
kind. An open loop: requests fall due at even times and wait for nobody, latency counts from when a request was due. Each
has a connection of its own, from one of a hundred addresses.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.proof.attacks import post, upload
from tests.support import raw_torrents

ADDRESSES = 100
PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request: how many a second, its bytes, what its answer must begin with, and what it reaches."""

    rate: float
    request: Callable[[random.Random], bytes]
    status: int = 200
    doors: tuple[str, ...] = ()


@dataclass
class Figures:
    """What was seen of one kind; times in seconds."""

    times: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    def fail(self, why: str) -> None:
        self.errors[why] = self.errors.get(why, 0) + 1

    def told(self) -> dict[str, object]:
        return {
            "answers": len(self.times),
            "errors": self.errors,
            "p50_ms": quantile(self.times, 0.5) * 1000,
            "p99_ms": quantile(self.times, 0.99) * 1000,
            "longest_ms": max(self.times, default=0.0) * 1000,
            "late_p99_ms": quantile(self.late, 0.99) * 1000,
        }


def quantile(values: Sequence[float], share: float) -> float:
    """The value that a share of all stays under; 0 when there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()


def kinds(files: Sequence[str], account: str) -> Mapping[str, Kind]:
    """What honest people ask."""
    name, _, password = account.partition(":")
    login = json.dumps({"username": name, "password": password}).encode()
    words = ("coast", "light", "x", "archive", "data", "2011")
    return {
        "healthz": Kind(5, lambda _: get("/healthz"), doors=("/healthz", "/readyz")),
        "file": Kind(20, lambda chance: get(chance.choice(files))),
        "page": Kind(4, lambda chance: get(f"/search?q={chance.choice(words)}")),
        "search": Kind(4, lambda chance: get(f"/api/torrents?search={chance.choice(words)}&per_page=20")),
        "upload": Kind(
            1,
            lambda chance: upload(
                raw_torrents.torrent(raw_torrents.info(chance.randbytes(8).hex().encode()))
            ),
        ),
        "log-in": Kind(0.5, lambda _: post("/api/login", login, "application/json", "Connection: close")),
    }


async def ask(port: int, address: str, kind: Kind, request: bytes) -> str:
    """Ask once; the empty text, or why it failed."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    except OSError as error:
        return f"connect: {type(error).__name__}"
    try:
        writer.write(request)
        head = await reader.readline()
        await reader.read(-1)
    except OSError as error:
        return f"cut: {type(error).__name__}"
    finally:
        writer.close()
    status = head.split()[1:2]
    return "" if status == [str(kind.status).encode()] else f"status {status}"


async def ask_when_due(
    port: int, address: str, kind: Kind, request: bytes, due: float, figures: Figures
) -> None:
    """Ask once and note how long it took since it was due."""
    figures.late.append(time.monotonic() - due)
    try:
        async with asyncio.timeout(PATIENCE):
            failure = await ask(port, address, kind, request)
    except TimeoutError:
        failure = "no answer"
    if failure:
        figures.fail(failure)
    else:
        figures.times.append(time.monotonic() - due)


async def ask_steadily(
    port: int, kind: Kind, figures: Figures, seconds: float, chance: random.Random
) -> None:
    """Ask at the kind's rate for some seconds."""
    start = time.monotonic() + chance.random() / kind.rate
    asked: set[asyncio.Task[None]] = set()
    for number in range(int(seconds * kind.rate)):
        due = start + number / kind.rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        address = f"127.77.0.{1 + chance.randrange(ADDRESSES)}"
        task = asyncio.create_task(ask_when_due(port, address, kind, kind.request(chance), due, figures))
        asked.add(task)
        task.add_done_callback(asked.discard)
    await asyncio.gather(*asked)


async def run(
    port: int, chosen: Mapping[str, Kind], seconds: float, seed: int
) -> dict[str, dict[str, object]]:
    """Ask all kinds side by side and return the figures of each."""
    figures = {name: Figures() for name in chosen}
    await asyncio.gather(
        *(
            ask_steadily(port, kind, figures[name], seconds, random.Random(f"{seed} {name}"))
            for name, kind in chosen.items()
        )
    )
    return {name: each.told() for name, each in figures.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.honest", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", nargs="+", required=True, help="paths of files that the service holds")
    parser.add_argument("--account", required=True, help="NAME:PASSWORD")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    for name, told in asyncio.run(
        run(given.port, kinds(given.file, given.account), given.seconds, given.seed)
    ).items():
        print(json.dumps({"kind": name, **told}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One node of a race, a process of its own: `python -m tests.support.racing_node URL FOLDER ACT NUMBER`.

It prints `ready` when everything is open, begins when it reads a line, and prints what came of each round, as JSON.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from downloads.model import ContentKey, SeedPolicy
from downloads.store import ContentRow, JobRow
from peerage.wiring.application import Application
from storage.database import ConstraintViolated
from storage.invitations import SqlInvitations
from storage.jobs import SqlJobs
from tests.support.application import open_test_application, settings_in
from tests.support.torrents import parsed, v1_torrent

ROUNDS = 25
NOW = 1_800_000_000


def torrent_of(number: int) -> bytes:
    """Return the torrent of a round."""
    return v1_torrent(f"race {number}")


async def _upload(application: Application, account: int, number: int) -> object:
    uploads = application.torrents.uploads
    accepted = await uploads.accept(torrent_of(number), "test", uploader=account, skip_limit=True)
    return accepted.new


async def _block(application: Application, _account: int, number: int) -> object:
    await application.takedowns.block(parsed(torrent_of(number)).infohash, "raced", "test")
    return True


async def _claim(application: Application, _account: int, number: int) -> object:
    return await SqlInvitations(application.stores.records).claim(b"%032d" % number, NOW) is not None


async def _take(application: Application, account: int, number: int) -> object:
    content = ContentRow(0, ContentKey(InfoHash(b"%020d" % number)), None, "n", 1, False, False, NOW)
    job = JobRow(0, account, 0, "", SeedPolicy.DEFAULT, False, 0, False, False, NOW, NOW)
    number, _ = await SqlJobs(application.stores.records).add(content, None, job, "")
    return number


ACTS: dict[str, Callable[[Application, int, int], Awaitable[object]]] = {
    "upload": _upload,
    "block": _block,
    "claim": _claim,
    "take": _take,
}


async def _round(act: str, application: Application, account: int, number: int) -> Any:
    try:
        return await ACTS[act](application, account, number)
    except Refusal as refusal:
        return refusal.code
    except ConstraintViolated:
        return "there"


async def run(url: str, folder: Path, act: str, account: int) -> None:
    """Take part in a race."""
    settings = replace(settings_in(folder), database=url)
    async with open_test_application(settings, lambda: float(NOW)) as application:
        _ = application.torrents.uploads, application.takedowns
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(
            json.dumps([await _round(act, application, account, number) for number in range(ROUNDS)]),
            flush=True,
        )
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))

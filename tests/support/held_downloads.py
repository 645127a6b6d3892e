"""A fake of the download jobs: complete content in a folder, without an engine or a store."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from downloads.downloads import Downloads
from downloads.model import Content, ContentFile, ContentKey, ContentStatus, Job, JobState, SeedPolicy

FINISHED = 1_700_000_000
DONE = ContentStatus(JobState.CACHED, progress=1.0, availability=1.0)


def make_job(number: int, account: int, content: Content) -> Job:
    """A job that has content."""
    return Job(
        id=number,
        account=account,
        content=content,
        name=content.name,
        magnet="",
        seed=SeedPolicy.STOP,
        allow_zip=True,
        queued=False,
        paused=False,
        pause_reason="",
        cached=True,
        has_torrent=True,
        created=1,
        updated=2,
        status=DONE,
    )


@dataclass
class User:
    """An account, as far as links need it."""

    enabled: bool = True


class FakeAccounts:
    """Accounts by id, all enabled at first."""

    def __init__(self) -> None:
        self.users = {number: User() for number in (1, 2)}

    async def user(self, key):
        """Find an account."""
        return self.users.get(key)


class FakeDownloads(Downloads):
    """Jobs that a test creates with `hold`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[int, Job] = {}
        self.torrent: bytes | None = b"d4:infodee"
        self.opened: list[int] = []

    def hold(self, files: dict[str, bytes], *, account: int = 1, name: str = "content") -> Job:
        """Write files under their indexes, as an engine does, and create a job for them."""
        number = len(self.held) + 1
        place = self.folder / str(number)
        place.mkdir()
        for index, data in enumerate(files.values()):
            (place / str(index)).write_bytes(data)
        listed = tuple(
            ContentFile(index, path, len(data)) for index, (path, data) in enumerate(files.items())
        )
        key = ContentKey(InfoHash(number.to_bytes(20, "big")))
        size = sum(file.size for file in listed)
        content = Content(key, name, size, listed, True, False, FINISHED - 60, FINISHED)
        self.held[number] = make_job(number, account, content)
        return self.held[number]

    def change(self, job: Job, **changes) -> None:
        """Change the content of a job."""
        self.held[job.id] = replace(job, content=replace(job.content, **changes))

    def path(self, content: Content, index: int) -> Path:
        """The path of a file."""
        return self.folder / str(int.from_bytes(content.key.infohash, "big")) / str(index)

    async def job(self, account, job):
        """Find a job of an account."""
        found = self.held.get(job)
        return found if found is not None and found.account == account else None

    async def torrent_of(self, account, job):
        """Return the .torrent."""
        return self.torrent

    async def open_file(self, content, file):
        """Open a file; links are not followed."""
        try:
            descriptor = os.open(self.path(content, file.index), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            raise Refusal("not-found") from None
        self.opened.append(descriptor)
        return descriptor

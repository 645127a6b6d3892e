"""Hides who holds which content: accounts' jobs, their slots and queue, and what is deleted when nobody holds it."""

from collections.abc import Sequence

from bittorrent.infohash import InfoHash
from downloads.model import Content, ContentFile, Job, Wish


class Downloads:
    """Jobs over an engine and a store; what returned is on disk. Accounts are ids; rights are the doors' matter.

    Without an engine (`available` is False) every call raises Refusal `no-downloads`.
    """

    @property
    def available(self) -> bool:
        """Whether there is an engine."""
        raise NotImplementedError

    async def create(self, account: int, wish: Wish) -> Job:
        """Hold content for an account, fetching it if it is not here.

        Refusal: `nothing-wished`, `two-wishes`, those of Metainfo.parse and `bad-magnet`, `blocked`,
        `already-held` (not when it is complete: then the same job), `too-large-to-download`, `slots-full`,
        `downloads-full`, `not-cached` (only_if_cached).
        """
        raise NotImplementedError

    async def jobs(self, account: int, offset: int, limit: int, *, queued: bool = False) -> list[Job]:
        """Return an account's jobs, newest first; those that wait for a slot with `queued`."""
        raise NotImplementedError

    async def job(self, account: int, job: int) -> Job | None:
        """Find a job of an account."""
        raise NotImplementedError

    async def delete(self, account: int, job: int) -> None:
        """Let go of content; it is deleted when nobody holds it. Refusal: `not-found`."""
        raise NotImplementedError

    async def pause(self, account: int, job: int) -> Job:
        """Let a job rest; content goes on while another account's job runs. Refusal: `not-found`."""
        raise NotImplementedError

    async def resume(self, account: int, job: int) -> Job:
        """Go on with a job. Refusal: `not-found`, `downloads-full`."""
        raise NotImplementedError

    async def reannounce(self, account: int, job: int) -> None:
        """Ask the trackers for peers. Refusal: `not-found`."""
        raise NotImplementedError

    async def start(self, account: int, job: int) -> Job:
        """Take a queued job to the front. Refusal: `not-found`, `slots-full`."""
        raise NotImplementedError

    async def cached(self, account: int, infohashes: Sequence[InfoHash]) -> list[Content]:
        """Return what of these is here whole, private content for its own account alone."""
        raise NotImplementedError

    async def torrent_of(self, account: int, job: int) -> bytes | None:
        """Return the .torrent of a job's content, None while it is not known. Refusal: `not-found`."""
        raise NotImplementedError

    async def open_file(self, content: Content, file: ContentFile) -> int:
        """Open a whole file for reading and return its descriptor; links are not followed. Refusal: `not-found`."""
        raise NotImplementedError

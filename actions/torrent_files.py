"""Files for a viewer: the .torrent byte for byte, with the account's own announce URL, or refused."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from accounts.model import NOBODY, Principal
from accounts.rights import Right, Rights
from actions.authorization import viewer_of
from bittorrent.refusal import Refusal
from bittorrent.tracker_replacement import replace_trackers
from cache.compression import INFLATED_LIMIT
from cache.record import digest_of
from cache.torrents import CachedTorrent, CacheRecord
from catalogue.visibility import TorrentField, TorrentRestrictions, shows

_DOWNLOADS = frozenset({"download", "downloadTorrent"})
"""The names of endpoints that answer a file, to which a key may be limited."""

FindPasskey = Callable[[int], Awaitable[str]]
"""Returns the passkey of an account, made where it has none."""


@dataclass(frozen=True, slots=True)
class TorrentFile:
    """A .torrent as a viewer gets it, and the SHA-1 of its bytes."""

    data: bytes
    digest: bytes


class TorrentFiles:
    """Decides what of a stored .torrent a principal gets.

    With `restricted` False every file is treated as one of a public torrent, as a plain cache would. `passkey`
    finds an account's passkey where the tracker asks for one: then an account gets every file with its own.
    """

    def __init__(
        self,
        rights: Rights,
        passkey: FindPasskey | None,
        *,
        restricted: bool = True,
        barred: Callable[[int], bool] = lambda _account: False,
    ) -> None:
        """`barred` says of an account whether its ratio is too low to download what it did not bring."""
        self._barred = barred
        self._rights = rights
        self._passkey = passkey
        self._restricted = restricted
        self._open = rights.may(NOBODY, Right.DOWNLOAD)

    @property
    def personal(self) -> bool:
        """Whether accounts get files with announce URLs of their own."""
        return self._passkey is not None

    def open_to_all(self, record: CacheRecord) -> bool:
        """Return whether anybody gets the file, byte for byte; no database is asked."""
        if self._passkey is not None:
            return False
        return self._open and not record.hidden and (record.private is False or not self._restricted)

    def may_serve(self, principal: Principal, record: CacheRecord) -> bool:
        """Return whether `serve` would give a principal the file of a record, in one form or the other."""
        viewer, restrictions = viewer_of(principal, self._rights), self._restrictions(record)
        shown = (shows(field, restrictions, viewer) for field in (TorrentField.RECORD, TorrentField.FILE))
        return all(shown) and self._rights.may(principal, Right.DOWNLOAD)

    async def serve(self, principal: Principal, held: CachedTorrent, base_url: str) -> TorrentFile:
        """Return the file for a principal; `base_url` is the service's own.

        Refusal: `not-found` (hidden), `unauthenticated`, `forbidden`, `barred`, `bad-compression`.
        """
        viewer, restrictions = viewer_of(principal, self._rights), self._restrictions(held.record)
        if not shows(TorrentField.RECORD, restrictions, viewer):
            raise Refusal("not-found")
        self._rights.require(principal, Right.DOWNLOAD)
        if not shows(TorrentField.FILE, restrictions, viewer):
            raise Refusal("unauthenticated")
        if principal.id is not None and principal.id != held.record.uploader and self._barred(principal.id):
            raise Refusal("barred")
        original, personal = shows(TorrentField.ORIGINAL, restrictions, viewer), self._is_personal(principal)
        if original and not personal:
            return TorrentFile(await asyncio.to_thread(held.plain), held.record.digest)
        announce = await self.announce_url(principal, base_url)
        return await asyncio.to_thread(_replaced, held, announce, trackers_alone=original)

    async def announce_url(self, principal: Principal, base_url: str) -> str:
        """Return the announce URL of a principal: with its passkey where the tracker asks for one."""
        url = f"{base_url}/announce"
        if self._passkey is None or principal.id is None or not self._is_personal(principal):
            return url
        return f"{url}/{await self._passkey(principal.id)}"

    def _is_personal(self, principal: Principal) -> bool:
        """Return whether a principal is told its account's passkey: a key that may not download is not."""
        if self._passkey is None or principal.id is None or not self._rights.may(principal, Right.DOWNLOAD):
            return False
        methods = principal.key.methods if principal.key is not None else None
        return methods is None or not methods.isdisjoint(_DOWNLOADS)

    def _restrictions(self, record: CacheRecord) -> TorrentRestrictions:
        private = self._restricted and record.private is not False
        return TorrentRestrictions(private, record.hidden, uploader=record.uploader)


def _replaced(held: CachedTorrent, announce: str, *, trackers_alone: bool) -> TorrentFile:
    data = replace_trackers(held.plain(), announce, INFLATED_LIMIT, trackers_alone=trackers_alone)
    return TorrentFile(data, digest_of(data))

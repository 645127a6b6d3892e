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
from catalogue.model import Torrent
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


@dataclass(frozen=True, slots=True)
class AnnounceUrls:
    """The announce URLs for one reader: its own, and that of torrents which anybody may announce."""

    own: str
    public: str

    def of(self, torrent: Torrent) -> str:
        """Return that of a torrent."""
        return self.public if torrent.held and not torrent.private else self.own


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
        publishes: bool = False,
        restricted: bool = True,
        barred: Callable[[int], bool] = lambda _account: False,
    ) -> None:
        """With `publishes` anybody announces a torrent that is not private, so nobody's passkey is in its file.

        `barred` says of an account whether its ratio is too low to download what it did not bring.
        """
        self._barred = barred
        self._rights = rights
        self._passkey = passkey
        self._publishes = publishes
        self._restricted = restricted
        self._open = rights.may(NOBODY, Right.DOWNLOAD)

    @property
    def personal(self) -> bool:
        """Whether accounts get files with announce URLs of their own."""
        return self._passkey is not None

    def open_to_all(self, record: CacheRecord) -> bool:
        """Return whether anybody gets the file, byte for byte; no database is asked."""
        if self._passkey is not None and not self._is_public(record):
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
        original = shows(TorrentField.ORIGINAL, restrictions, viewer)
        public = self._is_public(held.record)
        if original and (public or not self._is_personal(principal)):
            return TorrentFile(await asyncio.to_thread(held.plain), held.record.digest)
        urls = await self.announce_urls(principal, base_url)
        announce = urls.public if public else urls.own
        return await asyncio.to_thread(_replaced, held, announce, trackers_alone=original)

    async def announce_url(self, principal: Principal, base_url: str) -> str:
        """Return the announce URL of a principal: with its passkey where the tracker asks for one."""
        url = f"{base_url}/announce"
        if self._passkey is None or principal.id is None or not self._is_personal(principal):
            return url
        return f"{url}/{await self._passkey(principal.id)}"

    async def announce_urls(self, principal: Principal, base_url: str) -> "AnnounceUrls":
        """Return the announce URLs of a principal, by torrent."""
        own = await self.announce_url(principal, base_url)
        return AnnounceUrls(own, f"{base_url}/announce" if self._publishes else own)

    def _is_public(self, record: CacheRecord) -> bool:
        """Return whether anybody may announce a torrent on a private tracker."""
        return self._publishes and record.private is False

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

"""Figures by which moderators find passkeys that got about, and torrents whose traffic does not add up."""

from typing import NamedTuple, Protocol

from bittorrent.infohash import InfoHash
from tracker.address_figures import AddressCount


class ClientCount(NamedTuple):
    """An account that announces now, and its clients: how many peer ids, in how many torrents."""

    account: int
    clients: int
    torrents: int


class TorrentBalance(NamedTuple):
    """What all accounts say that they moved of a torrent; `capped` is what they claimed too fast.

    What one uploads another downloads. A difference is what was invented, came from elsewhere, or was lost by a crash.
    """

    infohash: InfoHash
    title: str
    uploaded: int
    downloaded: int
    capped: int
    accounts: int

    @property
    def difference(self) -> int:
        """Bytes uploaded that nobody downloaded, below 0 the other way round."""
        return self.uploaded - self.downloaded


class SuspicionStore(Protocol):
    """Figures read from the ledger."""

    async def clients(self, since: int, limit: int) -> list[ClientCount]:
        """Return the accounts with the most clients that announced at `since` or later, those with the most first."""

    async def addresses(self, today: int, limit: int) -> list[AddressCount]:
        """Return the accounts with the most addresses on one day, of two or more, the most first. QueryTimeout."""

    async def addresses_of(self, account: int, today: int) -> AddressCount:
        """Return from how many addresses an account announces; of a day that is over with one alone nothing is kept."""

    async def balances(self, limit: int) -> list[TorrentBalance]:
        """Return the torrents with the largest difference, either way, the largest first. QueryTimeout."""

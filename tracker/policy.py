"""The announce policy: mode, allowed and denied torrents, passkeys, and what happens to swarms when these change."""

from collections.abc import Callable, Iterable

from bittorrent.infohash import InfoHash
from tracker.access import AccessTable
from tracker.mode import Mode
from tracker.model import DENIED
from tracker.store import SwarmStore


class Policy:
    """Allowed and denied torrents, by 20-byte hash; the tables are in the store, where every door looks them up."""

    def __init__(self, store: SwarmStore, mode: Mode) -> None:
        store.listed = mode is not Mode.PUBLIC
        store.private = mode is Mode.PRIVATE
        self.mode = mode
        self._store = store
        self._observers: list[Callable[[InfoHash], None]] = []

    def on_removal(self, observer: Callable[[InfoHash], None]) -> None:
        """Have an observer told of each hash whose swarm is removed, after that."""
        self._observers.append(observer)

    def _remove(self, infohash: InfoHash) -> None:
        self._store.remove(infohash)
        for observer in self._observers:
            observer(infohash)

    @property
    def listed(self) -> bool:
        """Whether only allowed torrents are tracked."""
        return self._store.listed

    def allow(self, infohashes: Iterable[InfoHash]) -> None:
        """Put torrents on the allow list; their swarms are not touched."""
        for infohash in infohashes:
            self._store.allow(infohash.truncated, True)

    def disallow(self, infohashes: Iterable[InfoHash]) -> None:
        """Take torrents off the allow list; where only listed ones are tracked their swarms are removed."""
        for infohash in infohashes:
            self._store.allow(infohash.truncated, False)
            if self.listed:
                self._remove(infohash.truncated)

    def publish(self, infohashes: Iterable[InfoHash], *, public: bool) -> None:
        """Let anybody announce allowed torrents in private mode, or not."""
        for infohash in infohashes:
            self._store.publish(infohash.truncated, public)

    def publish_all(self, infohashes: bytes) -> None:
        """Let anybody announce those of these torrents that are allowed; as `allow_all`."""
        self._store.publish_all(infohashes)

    def is_public(self, infohash: InfoHash) -> bool:
        """Return whether a torrent is allowed, and anybody's to announce in private mode."""
        return self._store.is_public(infohash.truncated)

    def deny(self, infohashes: Iterable[InfoHash], reason: str = "") -> None:
        """Put torrents on the deny list, and remove their swarms at once; who announces them is told the reason."""
        for infohash in infohashes:
            self._store.deny(infohash.truncated, True, reason)
            self._remove(infohash.truncated)

    def undeny(self, infohashes: Iterable[InfoHash]) -> None:
        """Take torrents off the deny list."""
        for infohash in infohashes:
            self._store.deny(infohash.truncated, False)

    def allow_all(self, infohashes: bytes) -> None:
        """Put torrents on the allow list, whose infohashes of 20 bytes stand one behind another."""
        self._store.allow_all(infohashes)

    def deny_all(self, infohashes: bytes) -> None:
        """Put torrents on the deny list while there are no swarms yet; as `allow_all`."""
        self._store.deny_all(infohashes)

    def explain(self, infohashes: bytes, reason: str) -> None:
        """Have a reason told of those of these torrents that are denied; as `allow_all`."""
        self._store.explain(infohashes, reason)

    def denies(self, infohash: InfoHash) -> bool:
        """Return whether a torrent is on the deny list."""
        return self._store.refusal(infohash.truncated) == DENIED

    def remove_denied(self) -> None:
        """Remove the swarms of denied torrents that a journal brought back."""
        self._store.remove_denied()

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Make the two hashes of a hybrid torrent one swarm."""
        self._store.join(alias.truncated, canonical.truncated)

    def set_access(self, table: AccessTable) -> None:
        """Put rules on clients and addresses in force at once."""
        self._store.set_access(table)

    def set_passkey(self, passkey: bytes, account: int) -> None:
        """Let announces with a passkey count for an account.

        ValueError: it is malformed. TooManyPasskeys: there is no room.
        """
        self._store.set_passkey(passkey, account)

    def refuse_passkey(self, passkey: bytes, why: int) -> None:
        """Refuse a passkey with its own sentence: DISABLED_ACCOUNT or SUSPENDED_PASSKEY. As `set_passkey`."""
        self._store.set_passkey(passkey, why)

    def drop_passkey(self, passkey: bytes) -> None:
        """Refuse announces with a passkey from now on."""
        self._store.drop_passkey(passkey)

    def refusal(self, infohash: InfoHash) -> str | None:
        """Return the code of the refusal for a 20-byte hash, or None; a denial always wins."""
        return self._store.refusal(infohash)

    @property
    def empty(self) -> bool:
        """Whether nothing was ever listed."""
        return not self._store.has_rules()

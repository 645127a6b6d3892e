"""Imports another site: accounts with their passkeys, and what they moved, streamed; repeating it adds nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from accounts.accounts import Accounts
from accounts.fields import fold, is_name
from accounts.members import MemberStore, MemberTraffic, NewMember
from actions.site_sources import ACCOUNTS, TRAFFIC, SiteAccount, SiteForm, SiteTraffic, open_source
from bittorrent.refusal import Refusal

T = TypeVar("T")

_ACCOUNTS_AT_ONCE = 500
_ROWS_AT_ONCE = 5000


class SiteProgress(NamedTuple):
    """How far an import is: bytes read, accounts made and known, rows of traffic added and seen, and what was passed.

    `renamed` are accounts whose name was taken or is none here; `passed` rows are of accounts that are not there.
    """

    done: int
    made: int
    known: int
    renamed: int
    passkeys: int
    rows: int
    added: int
    passed: int


@dataclass(slots=True)
class _Found:
    """What is known so far: the accounts here by their number there, and by whom they were let in."""

    numbers: dict[int, int] = field(default_factory=dict)
    inviters: dict[int, int] = field(default_factory=dict)
    made: int = 0
    known: int = 0
    renamed: int = 0
    passkeys: int = 0
    rows: int = 0
    added: int = 0
    passed: int = 0

    def progress(self, done: int) -> SiteProgress:
        """Return it as progress."""
        return SiteProgress(
            done, self.made, self.known, self.renamed, self.passkeys, self.rows, self.added, self.passed
        )


class SiteImport:
    """Imports one site at a time. An account is known again by its passkey, and else by its name."""

    def __init__(self, store: MemberStore, accounts: Accounts, clock: Callable[[], float]) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock
        self._running = False

    async def total(self, path: Path) -> int:
        """Return the bytes that are read, twice for a dump: what `SiteProgress.done` counts up to."""
        return await asyncio.to_thread(_size, path)

    async def run(self, form: SiteForm, path: Path, *, dry: bool) -> AsyncIterator[SiteProgress]:
        """Import a site; with `dry` only read it, and say what would come of it. Refusal: `unreadable`, `busy`.

        What was reported is on disk. After a failure it can be run again.
        """
        if self._running:
            raise Refusal("busy", "a site is being imported")
        self._running = True
        try:
            source, found, before = open_source(form, path), _Found(), 0
            async for batch in _batches(source.accounts(), _ACCOUNTS_AT_ONCE):
                await self._add_accounts([account for _, account in batch], found, dry=dry)
                before = batch[-1][0]
                yield found.progress(before)
            async for rows in _batches(source.traffic(), _ROWS_AT_ONCE):
                await self._add_traffic([row for _, row in rows], found, dry=dry)
                yield found.progress(before + rows[-1][0])
            if not dry:
                await self._write_inviters(found)
        finally:
            self._running = False

    async def _add_accounts(self, accounts: Sequence[SiteAccount], found: _Found, *, dry: bool) -> None:
        passkeys = self._accounts.passkeys
        digests = [passkeys.foreign_digest(each.passkey) for each in accounts]
        owners = await self._store.owners([digest for digest in digests if digest is not None])
        taken = await self._store.taken([fold(each.name) for each in accounts if is_name(each.name)])
        new: list[tuple[SiteAccount, NewMember]] = []
        for account, digest in zip(accounts, digests, strict=True):
            if account.inviter is not None:
                found.inviters[account.number] = account.inviter
            if account.number in found.numbers:
                raise Refusal("unreadable", f"account {account.number} is there twice")
            owner = owners.get(digest) if digest is not None else None
            if owner is not None:
                found.numbers[account.number] = owner
                found.known += 1
                continue
            name = await self._free_name(account, taken)
            taken.add(fold(name))
            found.renamed += name != account.name
            new.append((account, self._member(account, name, digest)))
            found.numbers[account.number] = 0
        if not dry:
            made = await self._store.add([member for _, member in new], int(self._clock()))
            for number, (account, member) in zip(made, new, strict=True):
                found.numbers[account.number] = number
                if member.digest is not None:
                    passkeys.tell_new(account.passkey, number, enabled=account.enabled)
        for _, member in new:
            found.made += 1
            found.passkeys += member.digest is not None

    async def _free_name(self, account: SiteAccount, taken: set[str]) -> str:
        """Return the name of an account, or one made of its number where that is taken or is no name."""
        if is_name(account.name) and fold(account.name) not in taken:
            return account.name
        name = f"member-{account.number}"
        while fold(name) in taken or await self._store.taken([fold(name)]):
            name += "-"
            if not is_name(name):
                raise Refusal("unreadable", f"there is no name for account {account.number}")
        return name

    def _member(self, account: SiteAccount, name: str, digest: bytes | None) -> NewMember:
        label = None if digest is None else self._accounts.passkeys.foreign_label(account.passkey)
        return NewMember(
            name,
            account.enabled,
            account.joined,
            account.seen,
            label,
            digest,
            account.tokens,
            account.points,
            account.invites,
            account.uploaded,
            account.downloaded,
        )

    async def _add_traffic(self, rows: Sequence[SiteTraffic], found: _Found, *, dry: bool) -> None:
        mine: list[MemberTraffic] = []
        for row in rows:
            found.rows += 1
            number = found.numbers.get(row.account)
            if number is None:
                found.passed += 1
                continue
            mine.append(MemberTraffic((number, *row[1:])))
        if not dry and mine:
            found.added += await self._store.add_traffic(mine)

    async def _write_inviters(self, found: _Found) -> None:
        numbers = found.numbers
        known = [
            (numbers[number], numbers[by])
            for number, by in found.inviters.items()
            if number in numbers and by in numbers
        ]
        for at in range(0, len(known), _ROWS_AT_ONCE):
            await self._store.write_inviters(dict(known[at : at + _ROWS_AT_ONCE]))


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(each.stat().st_size for name in (ACCOUNTS, TRAFFIC) if (each := path / name).is_file())
    return 2 * path.stat().st_size


async def _batches(items: Iterator[T], size: int) -> AsyncIterator[list[T]]:
    """Yield lists of items, which are read in a thread."""
    while batch := await asyncio.to_thread(lambda: list(islice(items, size))):
        yield batch

"""Members of another site in a SQL database: accounts, passkeys, balances and traffic, in batches."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam, exists, insert, select, update
from sqlalchemy.sql.expression import Insert

from accounts.fields import fold
from accounts.members import MemberTraffic, NewMember
from storage.credit import no_balance
from storage.database import Database
from storage.rows import new_row
from storage.standing import no_standing
from storage.tables.accounts import account, credential
from storage.tables.credit import account_balance
from storage.tables.ledger import snatch, traffic
from storage.tables.members import standing


class SqlMembers:
    """Members in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        dialect = database.dialect
        compiled = dialect.compile
        self._owner = compiled(
            select(credential.c.account_id).where(credential.c.digest == bindparam("digest"))
        )
        self._taken = compiled(select(account.c.folded).where(dialect.in_list(account.c.folded, "names")))
        self._account = compiled(insert(account).values(**new_row(account)).returning(account.c.id))
        self._credential = compiled(insert(credential).values(**new_row(credential)))
        self._open_balance = compiled(dialect.insert_or_ignore(account_balance))
        self._open_standing = compiled(dialect.insert_or_ignore(standing))
        self._traffic = compiled(dialect.insert_or_ignore(traffic))
        self._snatch = compiled(_new_snatch())
        owned: BindParameter[int] = bindparam("owner")
        row, balance = traffic.c, account_balance.c
        there = exists().where(row.account_id == owned, row.infohash == bindparam("torrent"))
        self._move = compiled(
            update(account_balance)
            .where(balance.account_id == owned, ~there)
            .values(
                uploaded=balance.uploaded - bindparam("up"), downloaded=balance.downloaded - bindparam("down")
            )
        )
        self._came = compiled(
            update(standing)
            .where(standing.c.account_id == owned, standing.c.inviter.is_(None))
            .values(inviter=bindparam("by"))
        )

    async def owners(self, digests: Sequence[bytes]) -> Mapping[bytes, int]:
        """Return the accounts of passkeys by their digests."""
        found = {}
        for digest in digests:
            for (number,) in await self._database.rows(self._owner, {"digest": digest}):
                found[digest] = number
        return found

    async def taken(self, folded: Sequence[str]) -> set[str]:
        """Return those of the folded names that an account has."""
        rows = await self._database.rows(self._taken, {"names": self._database.dialect.texts(folded)})
        return {name for (name,) in rows}

    async def add(self, members: Sequence[NewMember], now: int) -> list[int]:
        """Make accounts whose names are free, with passkeys and balances; return their numbers, in order.

        What counts for them is credited beside their traffic.
        """
        numbers = []
        async with self._database.transaction() as transaction:
            for member in members:
                ((number,),) = await transaction.rows(self._account, _account_row(member))
                numbers.append(int(number))
            both = list(zip(numbers, members, strict=True))
            keys = [_key_row(number, member, now) for number, member in both if member.digest is not None]
            await transaction.run_many(self._credential, keys)
            balances = [
                no_balance(number)
                | {"tokens": member.tokens, "points": member.points}
                | {"uploaded": member.uploaded, "downloaded": member.downloaded}
                for number, member in both
            ]
            await transaction.run_many(self._open_balance, balances)
            standings = [no_standing(number) | {"invites": member.invites} for number, member in both]
            await transaction.run_many(self._open_standing, standings)
        return numbers

    async def add_traffic(self, rows: Sequence[MemberTraffic]) -> int:
        """Add traffic of torrents that an account has none of, and snatches that it has not; return how many rows.

        What is credited by a row is taken from what is credited beside, so what counts in all stays the same. Of an
        account and torrent that come twice in one call, the first row is added.
        """
        first: dict[tuple[int, bytes], MemberTraffic] = {}
        for row in rows:
            first.setdefault((row[0], row[1]), row)
        credited = [
            {"owner": row[0], "torrent": row[1], "up": row[4], "down": row[5]} for row in first.values()
        ]
        async with self._database.transaction() as transaction:
            await transaction.run_many(self._move, credited)
            added = await transaction.run_many(self._traffic, [_traffic_row(row) for row in first.values()])
            completed = [
                {"owner": row[0], "torrent": row[1], "at": row[9]} for row in rows if row[9] is not None
            ]
            await transaction.run_many(self._snatch, completed)
        return added

    async def write_inviters(self, inviters: Mapping[int, int]) -> None:
        """Write who let accounts in, where that is not known."""
        async with self._database.transaction() as transaction:
            came = [{"owner": owner, "by": by} for owner, by in inviters.items()]
            await transaction.run_many(self._came, came)


def _account_row(member: NewMember) -> dict[str, Any]:
    return {
        "name": member.name,
        "folded": fold(member.name),
        "password": None,
        "role": "user",
        "enabled": int(member.enabled),
        "joined": member.joined,
        "seen": member.seen,
    }


def _key_row(number: int, member: NewMember, now: int) -> dict[str, Any]:
    return {
        "account_id": number,
        "scope": "passkey",
        "label": member.label,
        "digest": member.digest,
        "methods": None,
        "created": now,
        "expires": None,
        "used": None,
        "suspended": 0,
        "revoked": 0,
        "login": 0,
    }


def _traffic_row(row: MemberTraffic) -> dict[str, Any]:
    owner, infohash, up, down, credited_up, credited_down, seeded, begun, seen, completed = row
    return {
        "account_id": owner,
        "infohash": infohash,
        "uploaded": up,
        "downloaded": down,
        "seeded": seeded,
        "snatched": int(completed is not None),
        "capped": 0,
        "begun": begun,
        "seen": seen,
        "counted_from": seen,
        "run_start": seen,
        "run_end": seen,
        "credited_up": credited_up,
        "credited_down": credited_down,
        "rewarded": seeded,
    }


def _new_snatch() -> Insert:
    """Return the statement that adds a snatch unless it is there."""
    row = snatch.c
    owner: BindParameter[int] = bindparam("owner")
    torrent: BindParameter[bytes] = bindparam("torrent")
    at: BindParameter[int] = bindparam("at")
    same = exists().where(row.account_id == owner, row.infohash == torrent, row.time == at)
    values = select(owner, torrent, at).where(~same)
    return insert(snatch).from_select(["account_id", "infohash", "time"], values)

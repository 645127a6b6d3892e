"""Members of another site in a SQL database: accounts, passkeys, balances and traffic, in batches."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accounts.fields import fold
from accounts.members import MemberTraffic, NewMember
from storage.credit import no_balance
from storage.database import Database
from storage.standing import no_standing

if TYPE_CHECKING:
    from storage.statements.members import MemberStatements


class SqlMembers:
    """Members in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: MemberStatements = database.dialect.statements(
            "storage.statements.members.MemberStatements"
        )

    async def owners(self, digests: Sequence[bytes]) -> Mapping[bytes, int]:
        """Return the accounts of passkeys by their digests."""
        found = {}
        for digest in digests:
            for (number,) in await self._database.rows(self._sql.owner, {"digest": digest}):
                found[digest] = number
        return found

    async def taken(self, folded: Sequence[str]) -> set[str]:
        """Return those of the folded names that an account has."""
        rows = await self._database.rows(self._sql.taken, {"names": self._database.dialect.texts(folded)})
        return {name for (name,) in rows}

    async def add(self, members: Sequence[NewMember], now: int) -> list[int]:
        """Make accounts whose names are free, with passkeys and balances; return their numbers, in order.

        What counts for them is credited beside their traffic.
        """
        numbers = []
        async with self._database.transaction() as transaction:
            for member in members:
                ((number,),) = await transaction.rows(self._sql.account, _account_row(member))
                numbers.append(int(number))
            both = list(zip(numbers, members, strict=True))
            keys = [_key_row(number, member, now) for number, member in both if member.digest is not None]
            await transaction.run_many(self._sql.credential, keys)
            balances = [
                no_balance(number)
                | {"tokens": member.tokens, "points": member.points}
                | {"uploaded": member.uploaded, "downloaded": member.downloaded}
                for number, member in both
            ]
            await transaction.run_many(self._sql.open_balance, balances)
            standings = [no_standing(number) | {"invites": member.invites} for number, member in both]
            await transaction.run_many(self._sql.open_standing, standings)
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
            await transaction.run_many(self._sql.move, credited)
            added = await transaction.run_many(
                self._sql.traffic, [_traffic_row(row) for row in first.values()]
            )
            completed = [
                {"owner": row[0], "torrent": row[1], "at": row[9]} for row in rows if row[9] is not None
            ]
            await transaction.run_many(self._sql.snatch, completed)
        return added

    async def write_inviters(self, inviters: Mapping[int, int]) -> None:
        """Write who let accounts in, where that is not known."""
        async with self._database.transaction() as transaction:
            came = [{"owner": owner, "by": by} for owner, by in inviters.items()]
            await transaction.run_many(self._sql.came, came)


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

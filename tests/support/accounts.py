"""Accounts over a real database for a test, with a settable clock and cheap password hashing."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from argon2 import PasswordHasher

from accounts.accounts import Accounts
from accounts.login_throttle import LoginThrottle
from accounts.model import Role, User
from accounts.passwords import Passwords
from accounts.second_factor import SecondFactors
from accounts.secrets import Secrets
from accounts.webauthn import WebAuthn
from storage import schema
from storage.accounts import SqlAccounts
from storage.database import Database
from storage.second_factors import SqlSecondFactors
from storage.webauthn import SqlWebAuthn
from tests.support.clock import Clock
from tests.support.databases import open_database

PASSWORD = "correct horse battery"
HOME = b"\x0a\x00\x00\x01"
KEY = b"k" * 32


class Random:
    """Different bytes each time, the same in every run."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = count(1)

    def __call__(self, size: int) -> bytes:
        return next(self._numbers).to_bytes(4, "big") * (size // 4)


def cheap_passwords(at_once: int = 2, **options: int) -> Passwords:
    """Hashing that takes microseconds."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return Passwords(at_once, Random(), hasher=hasher, **options)


@dataclass
class AccountSetup:
    """Accounts over a database, and what they were made of."""

    accounts: Accounts
    database: Database
    store: SqlAccounts
    clock: Clock
    secrets: Secrets

    async def join(self, name: str = "ada", role: Role = Role.USER, password: str | None = PASSWORD) -> User:
        """Create an account."""
        return await self.accounts.add(name, password, role)


@contextlib.asynccontextmanager
async def open_accounts(
    folder: Path,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
    rate: str = "20/minute",
    keys_per_user: int = 5,
    passwords: Passwords | None = None,
) -> AsyncIterator[AccountSetup]:
    """Accounts over `peerage.db` in a folder."""
    clock = clock or Clock()
    database = await open_database(folder / "peerage.db", schema.PEERAGE, "FULL")
    store, secrets = SqlAccounts(database), Secrets(KEY, random or Random())
    throttle, draw = LoginThrottle(rate, clock), random or Random()
    accounts = Accounts(
        store,
        secrets,
        passwords or cheap_passwords(),
        throttle,
        clock,
        second_factors=SecondFactors(SqlSecondFactors(database), secrets, throttle, clock, draw),
        devices=WebAuthn(
            SqlWebAuthn(database), secrets, clock, draw, origin="https://site.test", site_name="The Site"
        ),
        session_lifetime=3600,
        keys_per_user=keys_per_user,
    )
    try:
        yield AccountSetup(accounts, database, store, clock, secrets)
    finally:
        await accounts.close()
        await database.close()

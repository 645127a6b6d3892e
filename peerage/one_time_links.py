"""One-time links to set a password, and the first admin's link in a file of mode 600."""

import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from accounts.accounts import LINK_LIFETIME, Accounts
from accounts.model import Role, User
from bittorrent.refusal import Refusal
from peerage.setting_values import ListenAddress
from storage.data_folder import FolderError
from storage.fsync import fsync_directory

_FILE = "first-admin-link"
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104

log = structlog.get_logger()


class OneTimeLinks:
    """Makes the URLs of one-time links, and issues the first admin's link into a file in `folder`.

    Links begin with the public URL, else with the first listening address. An admin who is made is named `first_admin`.
    """

    def __init__(
        self,
        accounts: Accounts,
        folder: Path,
        public_url: str | None,
        listen: Sequence[ListenAddress],
        first_admin: str = "admin",
    ) -> None:
        self._accounts = accounts
        self._file = folder / _FILE
        self._public_url = public_url
        self._listen = listen[0]
        self._first_admin = first_admin
        self._secret: str | None = None

    @property
    def pending(self) -> Path | None:
        """The file with the first admin's link; None when there is none to redeem."""
        return self._file if self._secret is not None else None

    @property
    def days(self) -> int:
        """How many days a link is valid."""
        return LINK_LIFETIME // 86_400

    def link(self, secret: str) -> str:
        """Return the address at which the secret of a one-time link is redeemed."""
        host = ListenAddress(_LOOPBACK.get(self._listen.host, self._listen.host), self._listen.port)
        return f"{self._public_url or f'http://{host}'}/welcome/{secret}"

    async def open(self, bound: Sequence[ListenAddress]) -> None:
        """Take the addresses that are served; where no admin ever logged in, write a new link into the file.

        FolderError: the file cannot be written.
        """
        self._listen = bound[0]
        admin = await self._pending_admin()
        if admin is None:
            self._discard()
            return
        # The file comes first: a crash in between leaves one whose link is not valid, and is replaced.
        self._secret = await self._accounts.issue_link(admin.id, deliver=self._write)
        log.info("accounts.first_admin", name=admin.name, file=str(self._file))

    async def tidy(self) -> None:
        """Remove the file once its link was redeemed, replaced or has expired."""
        if self._secret is None:
            return
        try:
            await self._accounts.link_owner(self._secret)
        except Refusal as refusal:
            if refusal.code == "bad-link":
                self._discard()

    async def _pending_admin(self) -> User | None:
        """Return the admin without a password, made where there is none; None when one has logged in or is invited."""
        admins = await self._accounts.admins()
        if any(each.has_password for each in admins):
            return None
        if any(each.has_link for each in admins) and not self._file.exists():
            return None
        return (
            admins[0].user if admins else await self._accounts.add(await self._free_name(), None, Role.ADMIN)
        )

    async def _free_name(self) -> str:
        name, number = self._first_admin, 1
        while await self._accounts.user(name) is not None:
            number += 1
            name = f"{self._first_admin}{number}"
        return name

    def _write(self, secret: str) -> None:
        try:
            self._create(self.link(secret))
        except OSError as error:
            raise FolderError(f"{self._file} cannot be written: {error.strerror}") from error

    def _create(self, text: str) -> None:
        self._file.unlink(missing_ok=True)
        file = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w") as out:
            out.write(text + "\n")
            out.flush()
            os.fsync(out.fileno())
        fsync_directory(self._file.parent)

    def _discard(self) -> None:
        self._secret = None
        self._file.unlink(missing_ok=True)

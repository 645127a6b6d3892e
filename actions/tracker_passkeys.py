"""The tracker's table of passkeys: that of every account, told at the start and with each change."""

from types import MappingProxyType
from typing import Protocol

import structlog

from accounts.passkeys import KnownPasskey, Passkeys, PasskeyState
from tracker.model import DISABLED_ACCOUNT, SUSPENDED_PASSKEY, TooManyPasskeys

log = structlog.get_logger()

_REFUSED = MappingProxyType(
    {PasskeyState.DISABLED: DISABLED_ACCOUNT, PasskeyState.SUSPENDED: SUSPENDED_PASSKEY}
)


class PasskeyTable(Protocol):
    """What the doors look passkeys up in; changes are in force when a call returns."""

    def set_passkey(self, passkey: bytes, account: int) -> None:
        """Let announces with a passkey count for an account. TooManyPasskeys."""

    def refuse_passkey(self, passkey: bytes, why: int) -> None:
        """Refuse a passkey: DISABLED_ACCOUNT or SUSPENDED_PASSKEY. TooManyPasskeys."""

    def drop_passkey(self, passkey: bytes) -> None:
        """Forget a passkey."""


class TrackerPasskeys:
    """Keeps a table equal to the accounts' own passkeys from `start` on."""

    def __init__(self, passkeys: Passkeys, table: PasskeyTable) -> None:
        self._passkeys = passkeys
        self._table = table

    async def start(self) -> int:
        """Fill the table, and return how many passkeys there are; changes are told from before that on."""
        self._passkeys.observer = self._tell
        count = 0
        async for batch in self._passkeys.walk():
            count += len(batch)
            for known in batch:
                self._tell(known)
        return count

    def _tell(self, known: KnownPasskey) -> None:
        passkey, why = known.passkey.encode(), _REFUSED.get(known.state)
        try:
            if known.state is PasskeyState.REVOKED:
                self._table.drop_passkey(passkey)
            elif why is not None:
                self._table.refuse_passkey(passkey, why)
            else:
                self._table.set_passkey(passkey, known.account)
        except TooManyPasskeys:
            log.warning("tracker.too_many_passkeys", account=known.account)

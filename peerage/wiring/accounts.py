"""Makes the accounts of a data folder from its settings, database and secrets."""

import os
import time

from accounts.accounts import Accounts
from accounts.login_throttle import LoginThrottle
from accounts.passwords import Passwords
from accounts.secrets import KEY_BYTES, Secrets
from peerage.config import Settings
from storage.accounts import SqlAccounts
from storage.data_folder import DataFolder
from storage.database import Database


def make_accounts(settings: Settings, folder: DataFolder, records: Database) -> Accounts:
    """Return the accounts of a data folder; `close` writes their last uses. FolderError: a damaged secret."""
    return Accounts(
        SqlAccounts(records),
        Secrets(folder.secret("accounts", KEY_BYTES, os.urandom), os.urandom),
        Passwords(settings.accounts.hashing, os.urandom),
        LoginThrottle(settings.limits.login, time.time),
        time.time,
        session_lifetime=settings.accounts.session_lifetime,
        keys_per_user=settings.accounts.keys_per_user,
    )

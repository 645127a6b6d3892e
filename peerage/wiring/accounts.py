"""Makes the accounts and the links by which they set a password."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.accounts import Accounts
from accounts.login_throttle import LoginThrottle
from accounts.passwords import Passwords
from accounts.secrets import KEY_BYTES, Secrets
from accounts.store import AccountStore
from actions.account_management import AccountManagement
from peerage.one_time_links import OneTimeLinks
from storage.account_data import SqlAccountData
from storage.accounts import SqlAccounts

if TYPE_CHECKING:
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class AccountServices:
    """Accounts, and changes to them on behalf of a principal."""

    store: AccountStore
    accounts: Accounts
    management: AccountManagement
    one_time_links: OneTimeLinks


def make_accounts(application: "Application") -> AccountServices:
    """Return the accounts of an application; their end writes when they were last used.

    FolderError: a damaged secret.
    """
    settings, environment = application.settings, application.environment
    folder, store = application.stores.folder, SqlAccounts(application.stores.records)
    accounts = Accounts(
        store,
        Secrets(folder.secret("accounts", KEY_BYTES, environment.random), environment.random),
        Passwords(settings.accounts.hashing, environment.random, hasher=environment.password_hasher),
        LoginThrottle(settings.limits.login, environment.clock),
        environment.clock,
        session_lifetime=settings.accounts.session_lifetime,
        keys_per_user=settings.accounts.keys_per_user,
    )
    application.stack.push_async_callback(accounts.close)
    return AccountServices(
        store=store,
        accounts=accounts,
        management=AccountManagement(
            accounts,
            application.catalogue_records.moderation,
            application.rights,
            SqlAccountData(application.stores.records),
            registration=settings.accounts.registration,
        ),
        one_time_links=OneTimeLinks(accounts, folder.path, settings.public_url, settings.listen),
    )

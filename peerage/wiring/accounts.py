"""Makes the accounts, what they may do, and the links by which they set a password."""

from dataclasses import dataclass

from accounts.accounts import Accounts
from accounts.login_throttle import LoginThrottle
from accounts.passwords import Passwords
from accounts.rights import Right, Rights
from accounts.secrets import KEY_BYTES, Secrets
from accounts.store import AccountStore
from actions.account_management import AccountManagement
from catalogue.moderation import Moderation
from peerage.config import Settings
from peerage.one_time_links import OneTimeLinks
from peerage.wiring.environment import Environment
from storage.data_folder import DataFolder


@dataclass(frozen=True, slots=True)
class AccountServices:
    """Accounts, rights, and changes to accounts on behalf of a principal."""

    accounts: Accounts
    rights: Rights
    management: AccountManagement
    one_time_links: OneTimeLinks


def make_accounts(
    settings: Settings,
    folder: DataFolder,
    store: AccountStore,
    moderation: Moderation,
    environment: Environment,
) -> AccountServices:
    """Return the accounts of a data folder; `accounts.close` writes when they were last used.

    FolderError: a damaged secret.
    """
    accounts = Accounts(
        store,
        Secrets(folder.secret("accounts", KEY_BYTES, environment.random), environment.random),
        Passwords(settings.accounts.hashing, environment.random, hasher=environment.password_hasher),
        LoginThrottle(settings.limits.login, environment.clock),
        environment.clock,
        session_lifetime=settings.accounts.session_lifetime,
        keys_per_user=settings.accounts.keys_per_user,
    )
    rights = Rights(frozenset(Right(name) for name in settings.accounts.anonymous))
    return AccountServices(
        accounts=accounts,
        rights=rights,
        management=AccountManagement(
            accounts, moderation, rights, registration=settings.accounts.registration
        ),
        one_time_links=OneTimeLinks(accounts, folder.path, settings.public_url, settings.listen),
    )

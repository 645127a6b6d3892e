"""Makes the accounts and the links by which they set a password."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.accounts import Accounts
from accounts.login_throttle import LoginThrottle
from accounts.passwords import Passwords
from accounts.second_factor import SecondFactors
from accounts.secrets import KEY_BYTES, Secrets
from accounts.store import AccountStore
from accounts.webauthn import WebAuthn, origin_of
from peerage.one_time_links import OneTimeLinks
from storage.accounts import SqlAccounts
from storage.second_factors import SqlSecondFactors
from storage.webauthn import SqlWebAuthn

if TYPE_CHECKING:
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class AccountServices:
    """Accounts, and the links by which they set a password."""

    store: AccountStore
    secrets: Secrets
    accounts: Accounts
    one_time_links: OneTimeLinks


def make_accounts(application: "Application") -> AccountServices:
    """Return the accounts of an application; their end writes when they were last used.

    FolderError: a damaged secret.
    """
    settings, environment = application.settings, application.environment
    folder, store = application.stores.folder, SqlAccounts(application.stores.records)
    secrets = Secrets(folder.secret("accounts", KEY_BYTES, environment.random), environment.random)
    throttle, clock = LoginThrottle(settings.limits.login, environment.clock), environment.clock
    accounts = Accounts(
        store,
        secrets,
        Passwords(settings.accounts.hashing, environment.random, hasher=environment.password_hasher),
        throttle,
        clock,
        second_factors=SecondFactors(
            SqlSecondFactors(application.stores.records), secrets, throttle, clock, environment.random
        ),
        devices=WebAuthn(
            SqlWebAuthn(application.stores.records),
            secrets,
            clock,
            environment.random,
            origin=origin_of(settings.public_url or ""),
            site_name=settings.catalogue.site_name,
        ),
        session_lifetime=settings.accounts.session_lifetime,
        keys_per_user=settings.accounts.keys_per_user,
    )
    application.stack.push_async_callback(accounts.close)
    return AccountServices(
        store=store,
        secrets=secrets,
        accounts=accounts,
        one_time_links=OneTimeLinks(
            accounts,
            folder.path,
            settings.public_url,
            settings.listen,
            settings.accounts.first_admin,
        ),
    )

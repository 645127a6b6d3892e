"""Settings of accounts, the catalogue, the census, rate limits and the Torrent API."""

from typing import Annotated, Literal

from peerage.sections.section import Duration, OptionalPath, Rate, Reads, Seconds, Section, Setting
from peerage.setting_values import read_account_name, read_items, read_public_url

Grant = Literal["read", "download", "upload"]
Grants = Annotated[tuple[Grant, ...], Reads(read_items)]


class AccountsSection(Section, frozen=True, kw_only=True):
    """Rights without an account, registration, lifetimes of sessions and tokens, and password hashing."""

    anonymous: Annotated[
        Grants,
        Setting(
            "What anyone may do in the catalogue without an account; none is a private one.",
            takes="any of read, download and upload",
        ),
    ] = ("read", "download")
    first_admin: Annotated[
        Annotated[str, Reads(read_account_name, after=True)],
        Setting("The account that the first start makes, where there is no admin.", takes="a name"),
    ] = "admin"
    registration: Annotated[bool, Setting("Let anyone make an account for themselves.")] = False
    registration_question: Annotated[
        str,
        Setting(
            "What whoever makes one is asked, to keep programs out; unset: nothing.", 0, 300, takes="a text"
        ),
    ] = ""
    registration_answers: Annotated[
        Annotated[tuple[str, ...], Reads(read_items)],
        Setting(
            "The right answers to that, of which case and spaces make no difference.", 0, 50, takes="texts"
        ),
    ] = ()
    invite_lifetime: Annotated[
        Seconds, Setting("How long an invitation lets somebody in.", 3600, 366 * 86_400)
    ] = 7 * 86_400
    session_lifetime: Annotated[
        Seconds, Setting("Seconds that a login in a browser lasts.", 300, 31_536_000)
    ] = 86_400
    token_lifetime: Annotated[
        Seconds,
        Setting(
            "Seconds that a token from /api/login lasts; keys made by hand last until revoked.",
            300,
            315_360_000,
        ),
    ] = 2_592_000
    hashing: Annotated[
        int, Setting("Passwords that are hashed at once; each takes 64 MiB for its time.", 1, 64)
    ] = 2
    keys_per_user: Annotated[int, Setting("Keys that an account may have.", 1, 100_000)] = 100

    def check(self) -> None:
        """Check that a question has answers. ValueError."""
        if bool(self.registration_question) != bool(self.registration_answers):
            raise ValueError("registration_question and registration_answers go together")


class CatalogueSection(Section, frozen=True, kw_only=True):
    """What a search may cost, and where titles come from."""

    site_name: Annotated[
        str,
        Setting(
            "What this service calls itself on its pages and in Gazelle's answers.", 0, 64, takes="a name"
        ),
    ] = "Peerage"
    comment_rate: Annotated[Rate, Setting("Comments of an account that is no moderator's.")] = "30/10 minutes"
    held_comments: Annotated[
        int,
        Setting(
            "Comments of an account that everybody has to see before those that it writes are shown at once; until "
            "then each waits for a moderator. 0: none waits.",
            0,
            1000,
        ),
    ] = 0
    history_days: Annotated[
        int,
        Setting(
            "Days for which readers of changes are told what was removed; who comes later begins anew.",
            1,
            3650,
        ),
    ] = 90
    search_timeout: Annotated[Duration, Setting("Seconds after which a search is given up.", 0.05, 60)] = 2.0
    search_candidates: Annotated[
        int,
        Setting(
            "Hits that are counted and ranked; where more match, the newest of them are.", 100, 1_000_000
        ),
    ] = 10_000
    readers: Annotated[int, Setting("Connections that read the database at once.", 1, 64)] = 4


class MirrorSection(Section, frozen=True, kw_only=True):
    """The service that this one follows."""

    url: Annotated[
        Annotated[str | None, Reads(read_public_url)],
        Setting(
            "The service whose public records and files are taken over; unset: none.",
            takes="http://host or https://host, with port or path if need be",
        ),
    ] = None
    key_file: Annotated[
        OptionalPath,
        Setting("A file with a key of that service's scope `rest`; a moderator's is told its blocks too."),
    ] = None
    interval: Annotated[
        Seconds, Setting("Seconds after which it is asked again for changes.", 10, 86_400)
    ] = 300


class CensusSection(Section, frozen=True, kw_only=True):
    """Counts of peers by torrent, day and country."""

    enabled: Annotated[
        bool, Setting("Count distinct peers per torrent, day and country; hashes live for the day.")
    ] = True
    database: Annotated[
        OptionalPath,
        Setting("A MaxMind database (.mmdb) of countries, in place of the one that comes along."),
    ] = None
    alive_days: Annotated[
        int, Setting("Days within which a torrent had a peer, if it counts as alive.", 1, 3650)
    ] = 7
    keep_days: Annotated[int, Setting("Days for which the counts are kept.", 1, 36_500)] = 400


class LimitsSection(Section, frozen=True, kw_only=True):
    """Requests that each dialect takes from an account, or without one from an address (IPv6: /64)."""

    rest: Annotated[Rate, Setting("The REST API, with a token or session.")] = "60/minute"
    rest_anonymous: Annotated[Rate, Setting("The REST API, without an account.")] = "20/minute"
    gazelle: Annotated[Rate, Setting("Gazelle's ajax.php, per account.")] = "30/10 seconds"
    torrent_api: Annotated[Rate, Setting("The Torrent API, per key.")] = "300/minute"
    torbox: Annotated[Rate, Setting("The TorBox dialect, per account.")] = "300/minute"
    qbittorrent: Annotated[Rate, Setting("The qBittorrent dialect, per account.")] = "600/minute"
    feeds: Annotated[Rate, Setting("RSS and Atom, with a feed key or session.")] = "60/minute"
    feeds_anonymous: Annotated[Rate, Setting("RSS and Atom, without an account.")] = "20/minute"
    torznab: Annotated[Rate, Setting("Torznab, with a feed key.")] = "120/minute"
    torznab_anonymous: Annotated[Rate, Setting("Torznab, without an account.")] = "60/minute"
    pages: Annotated[Rate, Setting("The pages for people.")] = "120/minute"
    login: Annotated[Rate, Setting("Attempts to log in from an address.")] = "20/minute"


class TorrentApiSection(Section, frozen=True, kw_only=True):
    """How the Torrent API answers."""

    error_status: Annotated[
        Literal["honest", "documented"],
        Setting("The HTTP status of its errors: one that fits, or the 500 that its documentation names."),
    ] = "honest"

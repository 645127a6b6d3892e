"""Settings of accounts, the catalogue, the census, rate limits and the Torrent API."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from peerage.sections.section import RATE, Duration, OptionalPath, Rate, Seconds, Section
from peerage.setting_values import read_items

Grant = Literal["read", "download", "upload"]
Grants = Annotated[tuple[Grant, ...], BeforeValidator(read_items)]


class AccountsSection(Section):
    """Rights without an account, lifetimes of sessions and tokens, and password hashing."""

    anonymous: Grants = Field(
        default=("read", "download"),
        description="What anyone may do in the catalogue without an account; none is a private one.",
        json_schema_extra={"takes": "any of read, download and upload"},
    )
    registration: bool = Field(default=False, description="Let anyone make an account for themselves.")
    invite_lifetime: Seconds = Field(
        default=7 * 86_400, ge=3600, le=366 * 86_400, description="How long an invitation lets somebody in."
    )
    session_lifetime: Seconds = Field(
        default=86_400, ge=300, le=31_536_000, description="Seconds that a login in a browser lasts."
    )
    token_lifetime: Seconds = Field(
        default=2_592_000,
        ge=300,
        le=315_360_000,
        description="Seconds that a token from /api/login lasts; keys made by hand last until revoked.",
    )
    hashing: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Passwords that are hashed at once; each takes 64 MiB for its time.",
    )
    keys_per_user: int = Field(default=100, ge=1, le=100_000, description="Keys that an account may have.")


class CatalogueSection(Section):
    """What a search may cost, and where titles come from."""

    site_name: str = Field(
        default="Peerage",
        max_length=64,
        description="What this service calls itself on its pages and in Gazelle's answers.",
        json_schema_extra={"takes": "a name"},
    )
    search_timeout: Duration = Field(
        default=2.0, ge=0.05, le=60, description="Seconds after which a search is given up."
    )
    search_candidates: int = Field(
        default=10_000,
        ge=100,
        le=1_000_000,
        description="Hits that are counted and ranked; where more match, the newest of them are.",
    )
    readers: int = Field(default=4, ge=1, le=64, description="Connections that read the database at once.")


class CensusSection(Section):
    """Counts of peers by torrent, day and country."""

    enabled: bool = Field(
        default=True,
        description="Count distinct peers per torrent, day and country; hashes live for the day.",
    )
    database: OptionalPath = Field(
        default=None,
        description="A MaxMind database (.mmdb) of countries, in place of the one that comes along.",
        json_schema_extra={"takes": "a path"},
    )
    alive_days: int = Field(
        default=7, ge=1, le=3650, description="Days within which a torrent had a peer, if it counts as alive."
    )
    keep_days: int = Field(default=400, ge=1, le=36_500, description="Days for which the counts are kept.")


class LimitsSection(Section):
    """Requests that each dialect takes from an account, or without one from an address (IPv6: /64)."""

    rest: Rate = Field(
        default="60/minute", description="The REST API, with a token or session.", json_schema_extra=RATE
    )
    rest_anonymous: Rate = Field(
        default="20/minute", description="The REST API, without an account.", json_schema_extra=RATE
    )
    gazelle: Rate = Field(
        default="30/10 seconds", description="Gazelle's ajax.php, per account.", json_schema_extra=RATE
    )
    torrent_api: Rate = Field(
        default="300/minute", description="The Torrent API, per key.", json_schema_extra=RATE
    )
    torbox: Rate = Field(
        default="300/minute", description="The TorBox dialect, per account.", json_schema_extra=RATE
    )
    feeds: Rate = Field(
        default="60/minute", description="RSS and Atom, with a feed key or session.", json_schema_extra=RATE
    )
    feeds_anonymous: Rate = Field(
        default="20/minute", description="RSS and Atom, without an account.", json_schema_extra=RATE
    )
    torznab: Rate = Field(
        default="120/minute", description="Torznab, with a feed key.", json_schema_extra=RATE
    )
    torznab_anonymous: Rate = Field(
        default="60/minute", description="Torznab, without an account.", json_schema_extra=RATE
    )
    pages: Rate = Field(default="120/minute", description="The pages for people.", json_schema_extra=RATE)
    login: Rate = Field(
        default="20/minute", description="Attempts to log in from an address.", json_schema_extra=RATE
    )


class TorrentApiSection(Section):
    """How the Torrent API answers."""

    error_status: Literal["honest", "documented"] = Field(
        default="honest",
        description="The HTTP status of its errors: one that fits, or the 500 that its documentation names.",
    )

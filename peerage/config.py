"""Settings: read from command line, environment, peerage.toml and defaults, in that order of precedence."""

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from peerage.sections import (
    AccountsSection,
    CacheSection,
    CatalogueSection,
    CensusSection,
    ClusterSection,
    DownloadsSection,
    FairnessSection,
    HttpSection,
    LedgerSection,
    LimitsSection,
    Listens,
    ListsSection,
    LogSection,
    LookupsSection,
    MailSection,
    MetricsSection,
    MirrorSection,
    Networks,
    QbittorrentSection,
    RetentionSection,
    Section,
    SiteSection,
    TorrentApiSection,
    TrackerSection,
    WebsocketSection,
)
from peerage.sections.section import Declared, Reads, Setting, declared, read_value
from peerage.setting_values import (
    ListenAddress,
    format_size,
    read_bucket,
    read_database,
    read_header,
    read_public_url,
    read_size,
)

FILE = Path("peerage.toml")
SYSTEM_FILE = Path("/etc/peerage/peerage.toml")
"""Read where none is named and none lies in the current folder: what the Debian package brings."""
PREFIX = "PEERAGE_"

_LISTEN = (ListenAddress("127.0.0.1", 6969), ListenAddress("::1", 6969))


class SettingsError(Exception):
    """One or more settings are wrong; a line for each, naming the key, its source and what it takes."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Settings(Section, frozen=True, kw_only=True):
    """Every setting of one Peerage, frozen: first those that stand above every table.

    Made directly it takes its arguments and defaults as they are; `of` checks them, `read_settings` reads every source.
    """

    listen: Annotated[
        Listens,
        Setting("Addresses to listen on: TCP for everything, UDP for the tracker on the same port.", 1, 64),
    ] = _LISTEN
    data: Annotated[Path, Setting("The folder that holds all state.")] = Path("data")
    blobs: Annotated[
        Annotated[str | None, Reads(read_bucket)],
        Setting(
            "The bucket that holds the .torrent files, instead of the data folder; keys, region and endpoint come from"
            " the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT).",
            takes="s3://bucket or s3://bucket/prefix",
        ),
    ] = None
    database: Annotated[
        Annotated[str | None, Reads(read_database)],
        Setting(
            "The PostgreSQL database of catalogue, accounts, lists and jobs; unset: a file in the data folder.",
            takes="postgresql://user:password@host:port/name",
        ),
    ] = None
    public_url: Annotated[
        Annotated[str | None, Reads(read_public_url)],
        Setting(
            "The address under which the outside knows this service; unset: that of each request.",
            takes="http://host or https://host, with port or path if need be",
        ),
    ] = None
    trusted_proxies: Annotated[Networks, Setting("Proxies whose word on the client's address is taken.")] = ()
    proxy_protocol: Annotated[
        Networks,
        Setting("Proxies that begin connections, and packets over UDP, with a header of the PROXY protocol."),
    ] = ()
    forwarded_header: Annotated[
        Annotated[str, Reads(read_header, after=True)],
        Setting("The header in which trusted proxies name the client.", takes="a header name"),
    ] = "x-forwarded-for"

    tracker: TrackerSection = TrackerSection()
    websocket: WebsocketSection = WebsocketSection()
    ledger: LedgerSection = LedgerSection()
    cluster: ClusterSection = ClusterSection()
    cache: CacheSection = CacheSection()
    http: HttpSection = HttpSection()
    fairness: FairnessSection = FairnessSection()
    lists: ListsSection = ListsSection()
    metrics: MetricsSection = MetricsSection()
    log: LogSection = LogSection()
    retention: RetentionSection = RetentionSection()
    accounts: AccountsSection = AccountsSection()
    mail: MailSection = MailSection()
    site: SiteSection = SiteSection()
    catalogue: CatalogueSection = CatalogueSection()
    census: CensusSection = CensusSection()
    mirror: MirrorSection = MirrorSection()
    limits: LimitsSection = LimitsSection()
    torrent_api: TorrentApiSection = TorrentApiSection()
    downloads: DownloadsSection = DownloadsSection()
    qbittorrent: QbittorrentSection = QbittorrentSection()
    lookups: LookupsSection = LookupsSection()

    @classmethod
    def of(cls, **given: object) -> "Settings":
        """Return settings of which these are given, as people write them, tables as mappings. SettingsError."""
        return _checked(given, {})

    @property
    def listen_is_default(self) -> bool:
        """Whether nobody chose `listen`, so that a machine without IPv6 may leave that address out."""
        return self.listen is _LISTEN


@cache
def _sections() -> dict[str, type[Section]]:
    """Find every table of the file by its name."""
    values = {name: getattr(Settings(), name) for name in Settings.__struct_fields__}
    return {name: type(value) for name, value in values.items() if isinstance(value, Section)}


def known_keys() -> tuple[str, ...]:
    """List every setting's dotted key, in the order of the file: those without a table first."""
    sections = _sections()
    loose = [name for name in Settings.__struct_fields__ if name not in sections]
    return (
        *loose,
        *(f"{table}.{name}" for table, kind in sections.items() for name in kind.__struct_fields__),
    )


def variable(key: str) -> str:
    """Name the environment variable of a key: tracker.interval is PEERAGE_TRACKER_INTERVAL."""
    return PREFIX + key.replace(".", "_").upper()


def option(key: str) -> str:
    """Name the command-line option of a key: tracker.max_peers is --tracker-max-peers."""
    return "--" + key.replace(".", "-").replace("_", "-")


def read_settings(
    options: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Path | None = None,
    *,
    system_file: Path = SYSTEM_FILE,
) -> Settings:
    """Read every source and return the checked settings.

    `options` are those given on the command line, by dotted key. `file` must exist when it is named; unnamed,
    ./peerage.toml is read where there is one, else `system_file`, where there is one.
    SettingsError names every wrong or unknown key.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for found in (_from_file(file, system_file), _from_environment(environment), _from_options(options)):
        for key, (value, origin) in found.items():
            values[key], origins[key] = value, origin
    return _checked(_nest(values), origins)


def _checked(given: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    """Read what is given, tables as mappings, and leave everything else as it is by default.

    `origins` name the source of each dotted key. SettingsError names every wrong value.
    """
    sections = _sections()
    problems: list[str] = []
    tables: dict[str, Section] = {}
    for name, kind in sections.items():
        if name in given:
            tables[name] = kind(**_read_table(kind, name, given[name], origins, problems))
            try:
                tables[name].check()
            except ValueError as error:
                problems.append(str(error))
    loose = {name: value for name, value in given.items() if name not in sections}
    values = _read_table(Settings, "", loose, origins, problems)
    if problems:
        raise SettingsError(problems)
    return Settings(**values, **tables)  # type: ignore[arg-type]  # each was read as its type


def _read_table(
    kind: type[Section], table: str, given: Mapping[str, Any], origins: Mapping[str, str], problems: list[str]
) -> dict[str, Any]:
    """Read the values of a table; what is wrong with one is added to the problems."""
    values = {}
    for name, value in given.items():
        try:
            values[name] = read_value(kind, name, value)
        except ValueError as error:
            key = f"{table}.{name}" if table else name
            source = origins.get(key, "the program")
            problems.append(f"{key} (from {source}): {error}; it takes {row(key).takes}")
    return values


def _from_options(options: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    _refuse_unknown(options, known_keys(), "the command line")
    return {key: (value, option(key)) for key, value in options.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    names = {variable(key): key for key in known_keys()}
    ours = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    _refuse_unknown(ours, names, "the environment")
    return {names[name]: (value, name) for name, value in ours.items()}


def _from_file(file: Path | None, system_file: Path) -> dict[str, tuple[Any, str]]:
    path = file or (FILE if FILE.is_file() else system_file)
    if file is None and not os.path.isfile(path):  # noqa: PTH113 - False where it may not be looked at
        return {}
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([f"{path} cannot be read: {error.strerror}"]) from None
    except ValueError as error:
        raise SettingsError([f"{path} is not TOML: {error}"]) from None
    flat = _flatten(table, path)
    _refuse_unknown(flat, known_keys(), str(path))
    return {key: (value, str(path)) for key, value in flat.items()}


def _flatten(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    sections = _sections()
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": deep for inner, deep in value.items()}
        elif name in sections:
            raise SettingsError(
                [f"{name} (from {path}) is a table: write [{name}] and its settings under it"]
            )
        else:
            flat[name] = value
    return flat


def _refuse_unknown(given: Iterable[str], known: Iterable[str], source: str) -> None:
    names = list(known)
    problems = [
        f"{name} (from {source}) is no setting{_nearest(name, names)}" for name in given if name not in names
    ]
    if problems:
        raise SettingsError(problems)


def _nearest(name: str, known: list[str]) -> str:
    """Name the known key that looks most like `name`, with or without its table; "" when none does."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for who mistyped

    close = get_close_matches(name, known, n=1)
    tails = {key.rpartition(".")[2]: key for key in known}
    if not close:
        close = [tails[tail] for tail in get_close_matches(name.rpartition(".")[2], tails, n=1)]
    return f"; did you mean {close[0]}?" if close else "; `peerage settings` prints them all"


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        (nested.setdefault(table, {}) if table else nested)[name] = value
    return nested


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting as documentation shows it: its meaning, the values it takes, its default."""

    key: str
    meaning: str
    takes: str
    default: str
    toml: str
    repeats: bool
    is_switch: bool


def rows() -> tuple[SettingRow, ...]:
    """Describe every setting, in the order of the file."""
    return tuple(row(key) for key in known_keys())


def row(key: str) -> SettingRow:
    """Describe one key. KeyError when there is no such setting."""
    table, _, name = key.rpartition(".")
    kind = _sections()[table] if table else Settings
    found, default = declared(kind)[name], getattr(kind(), name)
    listed = isinstance(default, tuple)
    shown = format_size(default) if _is_size(found) else default
    texts = [str(item) for item in default] if listed else [str(shown)]
    return SettingRow(
        key=key,
        meaning=found.setting.meaning,
        takes=_takes(found),
        default="unset"
        if default is None
        else str(shown).lower()
        if isinstance(default, bool)
        else ", ".join(texts) or "none",
        toml=_toml(texts if listed else shown),
        repeats=listed,
        is_switch=isinstance(default, bool),
    )


def _is_size(found: Declared) -> bool:
    return any(each.read is read_size for each in found.reads)


def _toml(value: object) -> str:
    if value is None:
        return '""'
    plain = isinstance(value, bool | int | float | list)
    return json.dumps(value if plain else str(value))


def _takes(found: Declared) -> str:
    if found.takes:
        return found.takes
    if get_origin(found.kind) is Literal:
        return " or ".join(get_args(found.kind))
    if found.kind is bool:
        return "true or false"
    low, high = found.setting.least, found.setting.most
    if low == -inf or high == inf:
        return "a path"
    if _is_size(found):
        return f"{format_size(int(low))} to {format_size(int(high))}"
    return f"{low:,} to {high:,}"


def as_toml() -> str:
    """Write a commented peerage.toml with every setting at its default, each line of it switched off."""
    lines = ["# peerage.toml: take the # off a line and change it. Every value here is the default."]
    table = ""
    for each in rows():
        above, _, name = each.key.rpartition(".")
        if above != table:
            lines += ["", f"[{above}]"]
            table = above
        lines += ["", f"# {each.meaning} ({each.takes})", f"#{name} = {each.toml}"]
    return "\n".join(lines) + "\n"


def as_markdown() -> str:
    """Write the table of settings that stands in docs/settings.md."""
    lines = ["| key | default | takes | meaning |", "|---|---|---|---|"]
    lines += [f"| `{each.key}` | {each.default} | {each.takes} | {each.meaning} |" for each in rows()]
    return "\n".join(lines) + "\n"

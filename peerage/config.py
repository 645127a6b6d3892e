"""Settings: read from command line, environment, peerage.toml and defaults, in that order of precedence."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo

from peerage.sections import (
    NETWORKS,
    AccountsSection,
    CacheSection,
    CatalogueSection,
    CensusSection,
    DownloadsSection,
    FairnessSection,
    HttpSection,
    LimitsSection,
    Listens,
    LogSection,
    LookupsSection,
    MetricsSection,
    MirrorSection,
    Networks,
    QbittorrentSection,
    RetentionSection,
    Section,
    TorrentApiSection,
    TrackerSection,
    WebsocketSection,
)
from peerage.setting_values import ListenAddress, format_size, read_header, read_public_url, read_size

FILE = Path("peerage.toml")
PREFIX = "PEERAGE_"


class SettingsError(Exception):
    """One or more settings are wrong; a line for each, naming the key, its source and what it takes."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class UntabledSettings(Section):
    """The settings that stand above every table."""

    listen: Listens = Field(
        default=(ListenAddress("127.0.0.1", 6969), ListenAddress("::1", 6969)),
        description="Addresses to listen on: TCP for everything, UDP for the tracker on the same port.",
        json_schema_extra={"takes": "host:port or [v6]:port, one or more; port 0 is any free one"},
    )
    data: Path = Field(default=Path("data"), description="The folder that holds all state.")
    public_url: Annotated[str | None, BeforeValidator(read_public_url)] = Field(
        default=None,
        description="The address under which the outside knows this service; unset: that of each request.",
        json_schema_extra={"takes": "http://host or https://host, with port or path if need be"},
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Proxies whose word on the client's address is taken.",
        json_schema_extra=NETWORKS,
    )
    forwarded_header: Annotated[str, AfterValidator(read_header)] = Field(
        default="x-forwarded-for",
        description="The header in which trusted proxies name the client.",
        json_schema_extra={"takes": "a header name"},
    )


class Settings(UntabledSettings):
    """Every setting of one Peerage, checked and frozen.

    Made directly it takes its arguments and defaults alone; `read_settings` reads every source. Tables of which nothing
    is given are their defaults, which nothing checks again.
    """

    tracker: TrackerSection = Field(default_factory=TrackerSection.model_construct)
    websocket: WebsocketSection = Field(default_factory=WebsocketSection.model_construct)
    cache: CacheSection = Field(default_factory=CacheSection.model_construct)
    http: HttpSection = Field(default_factory=HttpSection.model_construct)
    fairness: FairnessSection = Field(default_factory=FairnessSection.model_construct)
    metrics: MetricsSection = Field(default_factory=MetricsSection.model_construct)
    log: LogSection = Field(default_factory=LogSection.model_construct)
    retention: RetentionSection = Field(default_factory=RetentionSection.model_construct)
    accounts: AccountsSection = Field(default_factory=AccountsSection.model_construct)
    catalogue: CatalogueSection = Field(default_factory=CatalogueSection.model_construct)
    census: CensusSection = Field(default_factory=CensusSection.model_construct)
    mirror: MirrorSection = Field(default_factory=MirrorSection.model_construct)
    limits: LimitsSection = Field(default_factory=LimitsSection.model_construct)
    torrent_api: TorrentApiSection = Field(default_factory=TorrentApiSection.model_construct)
    downloads: DownloadsSection = Field(default_factory=DownloadsSection.model_construct)
    qbittorrent: QbittorrentSection = Field(default_factory=QbittorrentSection.model_construct)
    lookups: LookupsSection = Field(default_factory=LookupsSection.model_construct)

    @property
    def listen_is_default(self) -> bool:
        """Whether nobody chose `listen`, so that a machine without IPv6 may leave that address out."""
        return "listen" not in self.model_fields_set


def _sections() -> dict[str, type[Section]]:
    """Find every table of the file by its name."""
    kinds = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {
        name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Section)
    }


def known_keys() -> tuple[str, ...]:
    """List every setting's dotted key, in the order of the file: those without a table first."""
    sections = _sections()
    loose = [name for name in Settings.model_fields if name not in sections]
    return (*loose, *(f"{table}.{name}" for table, kind in sections.items() for name in kind.model_fields))


def variable(key: str) -> str:
    """Name the environment variable of a key: tracker.interval is PEERAGE_TRACKER_INTERVAL."""
    return PREFIX + key.replace(".", "_").upper()


def option(key: str) -> str:
    """Name the command-line option of a key: tracker.max_peers is --tracker-max-peers."""
    return "--" + key.replace(".", "-").replace("_", "-")


def read_settings(
    options: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None
) -> Settings:
    """Read every source and return the checked settings.

    `options` are those given on the command line, by dotted key. `file` must exist when it is named; unnamed,
    ./peerage.toml is read where there is one. SettingsError names every wrong or unknown key.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for found in (_from_file(file), _from_environment(environment), _from_options(options)):
        for key, (value, origin) in found.items():
            values[key], origins[key] = value, origin
    return _checked(_nest(values), origins)


def _checked(given: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    """Check what is given, table by table. SettingsError names every wrong value."""
    sections = _sections()
    untabled = {name: value for name, value in given.items() if name not in sections}
    checked: dict[str, Any] = {}
    problems: list[str] = []
    try:
        checked |= UntabledSettings(**untabled) if untabled else UntabledSettings.model_construct()
    except ValidationError as error:
        problems += _explain(error, (), origins)
    for name, kind in sections.items():
        if name in given:
            try:
                checked[name] = kind(**given[name])
            except ValidationError as error:
                problems += _explain(error, (name,), origins)
    if problems:
        raise SettingsError(problems)
    return Settings.model_construct(set(given), **checked)


def _from_options(options: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    _refuse_unknown(options, known_keys(), "the command line")
    return {key: (value, option(key)) for key, value in options.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    names = {variable(key): key for key in known_keys()}
    ours = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    _refuse_unknown(ours, names, "the environment")
    return {names[name]: (value, name) for name, value in ours.items()}


def _from_file(file: Path | None) -> dict[str, tuple[Any, str]]:
    path = file or FILE
    if file is None and not path.is_file():
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


def _explain(error: ValidationError, table: tuple[str, ...], origins: Mapping[str, str]) -> Iterable[str]:
    for problem in error.errors():
        key = _key_of((*table, *problem["loc"]))
        reason = problem.get("ctx", {}).get("error")
        if key is None:
            yield str(reason or problem["msg"])
            continue
        text = str(reason) if reason else f"{problem['input']!r:.80} will not do"
        yield f"{key} (from {origins.get(key, 'its default')}): {text}; it takes {row(key).takes}"


def _key_of(location: tuple[int | str, ...]) -> str | None:
    """Find the setting that pydantic's path points into; None when that is a whole table."""
    known = known_keys()
    return next((key for key in (str(location[0]), ".".join(map(str, location[:2]))) if key in known), None)


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
    field = (_sections()[table] if table else Settings).model_fields[name]
    default = field.default
    listed = isinstance(default, tuple)
    shown = format_size(default) if BeforeValidator(read_size) in field.metadata else default
    texts = [str(item) for item in default] if listed else [str(shown)]
    return SettingRow(
        key=key,
        meaning=field.description or "",
        takes=_takes(field),
        default="unset"
        if default is None
        else str(shown).lower()
        if isinstance(default, bool)
        else ", ".join(texts) or "none",
        toml=_toml(texts if listed else shown),
        repeats=listed,
        is_switch=isinstance(default, bool),
    )


def _toml(value: object) -> str:
    if value is None:
        return '""'
    plain = isinstance(value, bool | int | float | list)
    return json.dumps(value if plain else str(value))


def _takes(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "takes" in extra:
        return str(extra["takes"])
    if get_origin(field.annotation) is Literal:
        return " or ".join(get_args(field.annotation))
    if field.annotation is bool:
        return "true or false"
    low = next((cast(int, mark.ge) for mark in field.metadata if isinstance(mark, Ge)), None)
    high = next((cast(int, mark.le) for mark in field.metadata if isinstance(mark, Le)), None)
    if low is None or high is None:
        return "a path"
    if BeforeValidator(read_size) in field.metadata:
        return f"{format_size(low)} to {format_size(high)}"
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

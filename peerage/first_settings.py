"""The settings of a new installation, made of five answers: the file, and what is left to do."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from peerage.config import Settings, rows
from peerage.dns_record import dns_record
from peerage.proxy_configuration import ProxyProgram

PORT = 6969
_LOOPBACK = ["127.0.0.1", "::1"]

Mode = Literal["public", "listed", "private"]
Uploaders = Literal["anyone", "accounts", "registered"]


@dataclass(frozen=True, slots=True)
class FirstAnswers:
    """What is asked of who installs.

    `domain` is the host by which clients know the service, "" for this machine alone. Who may upload is anyone, the
    accounts that admins make, or whoever registers an account. `proxied` says that a proxy on this machine answers for
    the domain.
    """

    domain: str = ""
    mode: Mode = "public"
    uploaders: Uploaders = "anyone"
    downloads: bool = False
    admin: str = "admin"
    proxied: bool = True
    data: str = "data"


def first_settings(answers: FirstAnswers, *, has_ipv6: bool) -> dict[str, object]:
    """Return the settings that answers ask for, by key and as TOML has them, without those that are the default."""
    wanted: dict[str, object] = {
        "data": answers.data,
        "tracker.mode": answers.mode,
        "cache.anonymous_upload": answers.uploaders == "anyone",
        "accounts.registration": answers.uploaders == "registered",
        "accounts.first_admin": answers.admin,
        "downloads.enabled": answers.downloads,
    }
    if answers.mode == "private":
        wanted["accounts.anonymous"] = []
    if answers.domain:
        # UDP passes no proxy, so the tracker's port is open to everybody with or without one.
        wanted["listen"] = [f"0.0.0.0:{PORT}", *([f"[::]:{PORT}"] if has_ipv6 else [])]
        wanted["public_url"] = (
            f"https://{answers.domain}" if answers.proxied else f"http://{answers.domain}:{PORT}"
        )
        if answers.proxied:
            wanted["trusted_proxies"] = _LOOPBACK
    defaults = {each.key: each.toml for each in rows()}
    return {each.key: wanted[each.key] for each in rows() if _differs(wanted, each.key, defaults)}


def _differs(wanted: Mapping[str, object], key: str, defaults: Mapping[str, str]) -> bool:
    return key in wanted and json.dumps(wanted[key]) != defaults[key]


def as_settings_file(given: Mapping[str, object]) -> str:
    """Write settings as TOML, each under its table and with what it means."""
    lines = ["# Settings that differ from the defaults; `peerage settings` prints all of them."]
    table = ""
    for each in rows():
        if each.key not in given:
            continue
        above, _, name = each.key.rpartition(".")
        if above != table:
            lines += ["", f"[{above}]"]
            table = above
        lines += ["", f"# {each.meaning}", f"{name} = {json.dumps(given[each.key], ensure_ascii=False)}"]
    return "\n".join(lines) + "\n"


def next_steps(settings: Settings, file: str, proxy: ProxyProgram | None, *, engine: bool) -> Iterable[str]:
    """Yield what is left to do, one step each, with settings from a file, behind a proxy or without one.

    `engine` says whether the engine that downloads need is installed.
    """
    host = urlsplit(settings.public_url or "").hostname
    if host:
        yield (
            f"DNS: let {host} lead to this machine, and tell clients the ports (BEP 34):\n"
            f"{host}. IN A <its IPv4 address>\n{host}. IN AAAA <its IPv6 address, if any>\n"
            + "\n".join(dns_record(settings).lines())
        )
        yield _firewall(proxied=proxy is not None)
    if proxy is not None:
        certificate = "" if proxy.brings_certificate else ", a certificate and its key where it says"
        yield (
            f"Proxy: put the configuration into {proxy.place}{certificate}, and reload {proxy.command}."
            + (
                ""
                if proxy.passes_websocket
                else "\nFor WebTorrent it needs what docs/webtorrent.md says too."
            )
        )
    if settings.downloads.enabled and not engine:
        yield "Downloads: install the engine, pip install 'peerage[downloads]'."
    name = shlex.quote(file)
    yield (
        f"Start: peerage serve --config {name}\n"
        f"then open the link in {settings.data / 'first-admin-link'} to set {settings.accounts.first_admin}'s password."
    )
    yield f"Backup: peerage backup /var/backups/peerage --config {name}, every night."


def _firewall(*, proxied: bool) -> str:
    if proxied:
        return f"Firewall: open TCP 80 and 443, and UDP {PORT}; keep TCP {PORT} closed, which is the proxy's."
    return f"Firewall: open TCP and UDP {PORT}."

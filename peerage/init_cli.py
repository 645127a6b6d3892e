"""The command line of `peerage init`, which asks five questions and writes the settings of a new installation."""

import os
import socket
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any, get_args

import click

from peerage.cli import json_option
from peerage.commands.terminal import print_json
from peerage.config import FILE, Settings, SettingsError, read_settings
from peerage.first_settings import FirstAnswers, Mode, Uploaders, as_settings_file, first_settings, next_steps
from peerage.proxy_configuration import PROXIES, proxy_configuration
from peerage.setting_values import read_account_name, read_host

_NO_PROXY = "none"


class _Checked(click.ParamType[str]):
    """A text that a function of the settings checks."""

    def __init__(self, name: str, read: Callable[[str], str]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it is kept."""
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_DOMAIN = _Checked("domain", lambda text: read_host(text) if text.strip() else "")
_MODE = click.Choice(get_args(Mode))
_UPLOADERS = click.Choice(get_args(Uploaders))
_ACCOUNT = _Checked("name", read_account_name)

_OPTIONS = [
    click.Option(["--domain"], type=_DOMAIN, help='The domain of the service; "" for this machine alone.'),
    click.Option(["--mode"], type=_MODE, help="Which torrents are tracked, and for whom."),
    click.Option(["--uploads"], type=_UPLOADERS, help="Who may upload."),
    click.Option(["--downloads/--no-downloads"], default=None, help="Fetch content for accounts."),
    click.Option(["--admin"], type=_ACCOUNT, help="The name of the admin's account."),
    click.Option(
        ["--proxy"],
        type=click.Choice([*PROXIES, _NO_PROXY]),
        help="The proxy whose configuration is printed; none: clients reach the service itself. "
        "[default: the one that is installed, else caddy]",
    ),
    click.Option(
        ["--config"],
        type=click.Path(path_type=Path, dir_okay=False),
        default=FILE,
        metavar="FILE",
        help="The file that is written. [default: peerage.toml]",
    ),
    click.Option(["--data"], default="data", metavar="PATH", help="Folder of all state. [default: data]"),
    click.Option(["--force"], is_flag=True, help="Overwrite a file that is there."),
    json_option(),
]


@click.command("init", params=_OPTIONS)
def init(*, config: Path, proxy: str | None, force: bool, as_json: bool, **given: Any) -> None:  # noqa: ANN401
    """Write the settings of a new installation, and say what is left to do.

    Five questions are asked, but for those that an option answers. The configuration of the proxy is printed on
    standard output, all else on standard error. No file is overwritten without --force.
    """
    if os.path.lexists(config) and not force:
        raise click.ClickException(
            f"{config} is there already: --force overwrites it, --config names another"
        )
    answers = _asked(**given, direct=proxy == _NO_PROXY)
    text = as_settings_file(first_settings(answers, has_ipv6=_has_ipv6()))
    settings = _checked(text)
    _write(config, text, force=force)
    name = (proxy or _installed_proxy()) if answers.proxied else None
    configuration = "" if name is None else proxy_configuration(name, settings)
    chosen = None if name is None else PROXIES[name]
    steps = next_steps(settings, str(config), chosen, engine=find_spec("libtorrent") is not None)
    if as_json:
        made = {"file": str(config), "proxy": name, "configuration": configuration, "steps": list(steps)}
        print_json(made)
        return
    click.echo(configuration, nl=False)
    click.echo("\nWhat is left to do:", err=True)
    for number, step in enumerate(steps, 1):
        click.echo(f"  {number}. " + step.replace("\n", "\n       "), err=True)


def _asked(
    *,
    domain: str | None,
    mode: Mode | None,
    uploads: Uploaders | None,
    downloads: bool | None,
    admin: str | None,
    data: str,
    direct: bool,
) -> FirstAnswers:
    """Ask for what no option answers."""
    domain = _ask("Domain (empty: this machine alone)", "", _DOMAIN) if domain is None else domain
    mode = mode or _ask("Which torrents are tracked, and for whom", "public", _MODE)
    likely = "accounts" if mode == "private" else "anyone"
    return FirstAnswers(
        domain=domain,
        mode=mode,
        uploaders=uploads or _ask("Who may upload", likely, _UPLOADERS),
        downloads=click.confirm("Fetch content for accounts", err=True) if downloads is None else downloads,
        admin=admin or _ask("The admin's name", "admin", _ACCOUNT),
        proxied=bool(domain) and not direct,
        data=data,
    )


def _ask(text: str, default: str, kind: click.ParamType[Any]) -> Any:  # noqa: ANN401 - what the kind reads
    return click.prompt(text, default, type=kind, show_default=bool(default), err=True)


def _checked(text: str) -> Settings:
    """Read settings as the service will. click.ClickException names what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, FILE)
        file.write_text(text, "utf-8")
        try:
            return read_settings({}, {}, file)
        except SettingsError as error:
            raise click.ClickException("\n".join(error.problems)) from error


def _write(file: Path, text: str, *, force: bool) -> None:
    """Write a file, whole or not at all, over one that is there by force alone. click.ClickException."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_text(text, "utf-8")
        if force:
            partial.replace(file)
        else:
            file.hardlink_to(partial)  # which fails where somebody was faster
            partial.unlink()
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"Wrote {file}.", err=True)


def _installed_proxy() -> str:
    return next((name for name, each in PROXIES.items() if which(each.command)), "caddy")


def _has_ipv6() -> bool:
    """Return whether this machine can listen on IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True

"""The `peerage user` and `peerage key` command lines and their output."""

import sys
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from accounts.model import Role, Scope
from peerage.cli_output import Record, Records, print_line, print_refusal
from peerage.cli_runner import CONFIG, DATA, operator, run_and_show
from peerage.setting_values import read_duration

_NAME = click.argument("name", metavar="NAME")
_ID = click.argument("number", metavar="ID", type=click.IntRange(min=1))


@click.group("user")
def user() -> None:
    """Make and change accounts."""


@click.group("key")
def key() -> None:
    """Make keys and tokens, and take them back."""


@user.command("add")
@_NAME
@click.option("--admin", "role", flag_value=Role.ADMIN.value, help="May do everything.")
@click.option("--moderator", "role", flag_value=Role.MODERATOR.value, help="May change what others brought.")
@click.option("--password-stdin", is_flag=True, help="Take the password from the first line of the input.")
@DATA
@CONFIG
def _add(name: str, role: str | None, password_stdin: bool, data: Path | None, config: Path | None) -> None:
    """Make an account; without a password, print a one-time link to set it."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    given = {"name": name, "role": role or Role.USER.value, "password": password, "by": operator()}
    run_and_show("user-add", given, _show_user, data, config)


@user.command("list")
@DATA
@CONFIG
def _list(data: Path | None, config: Path | None) -> None:
    """Show every account: number, name, role, when it came and was last seen."""
    run_and_show("user-list", {}, _show_user, data, config)


@user.command("enable")
@_NAME
@DATA
@CONFIG
def _enable(name: str, data: Path | None, config: Path | None) -> None:
    """Enable an account again."""
    run_and_show("user-enabled", {"name": name, "enabled": True, "by": operator()}, _show_user, data, config)


@user.command("disable")
@_NAME
@DATA
@CONFIG
def _disable(name: str, data: Path | None, config: Path | None) -> None:
    """Disable an account: its sessions end, its keys open nothing."""
    run_and_show("user-enabled", {"name": name, "enabled": False, "by": operator()}, _show_user, data, config)


@user.command("role")
@_NAME
@click.argument("role", type=click.Choice([each.value for each in Role]))
@DATA
@CONFIG
def _role(name: str, role: str, data: Path | None, config: Path | None) -> None:
    """Change what an account is."""
    run_and_show("user-role", {"name": name, "role": role, "by": operator()}, _show_user, data, config)


@user.command("link")
@_NAME
@DATA
@CONFIG
def _link(name: str, data: Path | None, config: Path | None) -> None:
    """Print a one-time link by which an account sets its password."""
    run_and_show("user-link", {"name": name, "by": operator()}, _show_user, data, config)


@key.command("add")
@_NAME
@click.option(
    "--scope", required=True, type=click.Choice([each.value for each in Scope]), help="What the key opens."
)
@click.option("--label", default="", metavar="TEXT", help="What the key is for.")
@click.option("--expires", metavar="TIME", help="When it ends, as 30d or 12h from now. [default: never]")
@click.option(
    "--method", "methods", multiple=True, metavar="M", help="A method that it may call; repeatable."
)
@DATA
@CONFIG
def _add_key(
    *,
    name: str,
    scope: str,
    label: str,
    expires: str | None,
    methods: tuple[str, ...],
    data: Path | None,
    config: Path | None,
) -> None:
    """Make a key; the last line that is printed is the key, which is never shown again."""
    given = {
        "name": name,
        "scope": scope,
        "label": label,
        "lifetime": _seconds(expires),
        "methods": list(methods) or None,
        "by": operator(),
    }
    run_and_show("key-add", given, _show_key, data, config)


@key.command("list")
@click.argument("name", metavar="[NAME]", required=False)
@DATA
@CONFIG
def _keys(name: str | None, data: Path | None, config: Path | None) -> None:
    """Show the keys of an account, or all."""
    run_and_show("key-list", {"name": name}, _show_key, data, config)


@key.command("revoke")
@_ID
@DATA
@CONFIG
def _revoke(number: int, data: Path | None, config: Path | None) -> None:
    """Revoke a key for good."""
    run_and_show("key-revoke", {"key": number, "by": operator()}, _show_key, data, config)


@key.command("suspend")
@_ID
@DATA
@CONFIG
def _suspend(number: int, data: Path | None, config: Path | None) -> None:
    """Put a key out of use."""
    run_and_show(
        "key-suspended", {"key": number, "suspended": True, "by": operator()}, _show_key, data, config
    )


@key.command("resume")
@_ID
@DATA
@CONFIG
def _resume(number: int, data: Path | None, config: Path | None) -> None:
    """Put a suspended key back into use."""
    run_and_show(
        "key-suspended", {"key": number, "suspended": False, "by": operator()}, _show_key, data, config
    )


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        found = read_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--expires") from None
    return int(found) if isinstance(found, float) else None


async def _show_user(records: Records) -> bool:
    """Print accounts and, as the last line, a one-time link where one was made."""
    succeeded = True
    async with aclosing(records):
        async for record in records:
            if print_refusal(record):
                succeeded = False
            elif "link" in record:
                click.echo(f"This link sets the password, once, within {record['days']} days:")
                print_line(record["link"])
            else:
                print_line(_user_line(record["user"]))
    return succeeded


async def _show_key(records: Records) -> bool:
    """Print keys and, as the last line, the secret of a new one."""
    succeeded = True
    async with aclosing(records):
        async for record in records:
            if print_refusal(record):
                succeeded = False
                continue
            print_line(_key_line(record["key"]))
            if "secret" in record:
                print_line(record["secret"])
    return succeeded


def _user_line(record: Record) -> str:
    state = "enabled" if record["enabled"] else "disabled"
    seen = f"seen {_day(record['seen'])}" if record["seen"] is not None else "never seen"
    number, name, role = record["id"], record["name"], record["role"]
    return f"{number:>4}  {name:<32}  {role:<9}  {state:<8}  joined {_day(record['joined'])}  {seen}"


def _key_line(record: Record) -> str:
    parts = [f"{record['id']:>4}  {record['user']:<16}  {record['scope']:<11}  {_state(record):<9}"]
    parts.append(f"made {_day(record['created'])}")
    parts += [f"{what} {_day(record[what])}" for what in ("expires", "used") if record[what] is not None]
    if record["methods"] is not None:
        parts.append(f"methods {', '.join(record['methods'])}")
    return "  ".join([*parts, record["label"]]).rstrip()


def _state(record: dict[str, Any]) -> str:
    if record["revoked"]:
        return "revoked"
    return "suspended" if record["suspended"] else "in use"


def _day(time: int) -> str:
    return str(datetime.fromtimestamp(time, UTC).date())

"""Output of commands on a terminal."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import click

R = TypeVar("R")


def print_line(text: str) -> None:
    """Print a line without control characters: a name may come from a stranger's archive."""
    click.echo("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text))


def print_json(record: Mapping[str, object]) -> None:
    """Print a record as a line of JSON."""
    click.echo(json.dumps(record))


async def print_each(records: AsyncIterator[R], line: Callable[[R], str]) -> bool:
    """Print a line for each record; all went well."""
    async for record in records:
        print_line(line(record))
    return True


def moment(time: int) -> str:
    """Format a unix time to the second, in UTC."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def day(time: int) -> str:
    """Format the UTC day of a unix time."""
    return str(datetime.fromtimestamp(time, UTC).date())

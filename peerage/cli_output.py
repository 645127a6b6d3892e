"""Terminal output of administration commands; each `show_…` reads all records and returns whether all went well."""

import json
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import click

from peerage.setting_values import format_size

Record = dict[str, Any]
Records = AsyncGenerator[Record, None]
Show = Callable[[Records], Coroutine[None, None, bool]]

_STATES = {"deny": "blocked", "allow": "allowed"}
_SUCCESSES = {"new", "known", "written", "same", "changed"}


def print_line(text: str) -> None:
    """Print a line without control characters: a name may come from a stranger's archive."""
    click.echo("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text))


def print_refusal(record: Record) -> bool:
    """Print a record that is a refusal; return whether it is one."""
    if "refused" in record:
        click.echo(f"refused ({record['refused']}): {record['text']}", err=True)
    return "refused" in record


async def show_json(records: Records) -> bool:
    """Print each record as a line of JSON."""
    succeeded = True
    async with aclosing(records):
        async for record in records:
            click.echo(json.dumps(record))
            succeeded = succeeded and "refused" not in record
    return succeeded


async def show_import(records: Records) -> bool:
    """Show a bar over the bytes read, then what became of them and the reason of each refusal."""
    return await _transfer(records, "Importing", lambda record, _position: int(record["done"]))


async def show_export(records: Records) -> bool:
    """Show a bar over the torrents, then what became of them and the reason of each failure."""
    return await _transfer(records, "Exporting", lambda _record, position: position + 1)


async def show_titles(records: Records) -> bool:
    """Show a bar over the bytes read, then how many titles there are."""
    async with aclosing(records):
        first = await anext(records, {"total": 0})
        if print_refusal(first):
            return False
        last: Record = {"found": 0, "passed": 0}
        with click.progressbar(length=max(first["total"], 1), label="Importing", file=sys.stderr) as bar:
            async for record in records:
                if "refused" in record:
                    bar.render_finish()
                    return not print_refusal(record)
                last = record
                bar.update(max(record["done"] - bar.pos, 0))
    click.echo(
        f"{last['found']:,} titles" + (f", {last['passed']:,} lines not read" if last["passed"] else "")
    )
    return True


async def _transfer(records: Records, label: str, advance: Callable[[Record, int], int]) -> bool:
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    succeeded = True
    async with aclosing(records):
        first = await anext(records, {"total": 0})
        if print_refusal(first):
            return False
        with click.progressbar(length=max(first["total"], 1), label=label, file=sys.stderr) as bar:
            async for record in records:
                if "refused" in record:
                    succeeded = False
                    failures.append(f"({record['refused']}): {record['text']}")
                    continue
                outcomes[record["outcome"]] += 1
                if record["outcome"] not in _SUCCESSES:
                    failures.append(f"{record.get('name') or record['infohash']}: {record['text']}")
                bar.update(max(advance(record, bar.pos) - bar.pos, 0))
    for failure in failures:
        print_line(f"refused  {failure}")
    click.echo(
        ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items())) or "nothing found"
    )
    return succeeded and not failures


async def show_entries(records: Records) -> bool:
    """Print the new entry."""
    return await _each(
        records,
        lambda record: print_line(f"{_STATES[record['verdict']]}  {record['infohash']}  {record['reason']}"),
    )


async def show_day(records: Records) -> bool:
    """Print which day of the census was closed."""
    succeeded = True
    async with aclosing(records):
        async for record in records:
            if print_refusal(record):
                succeeded = False
            elif record["day"] is None:
                click.echo("no day of the census is open", err=True)
                succeeded = False
            else:
                click.echo(f"closed  {record['day']}")
    return succeeded


async def show_lifted(records: Records) -> bool:
    """Print whether there was an entry to remove."""
    succeeded = True
    async with aclosing(records):
        async for record in records:
            if print_refusal(record):
                succeeded = False
            elif record["found"]:
                click.echo(f"lifted  {record['infohash']}")
            else:
                click.echo(f"{record['infohash']} was not on that list", err=True)
                succeeded = False
    return succeeded


async def show_lists(records: Records) -> bool:
    """Print a line for each entry: blocked or allowed, hash, day, by whom, why."""
    return await _each(records, _show_entry)


def _show_entry(record: Record) -> None:
    day = datetime.fromtimestamp(record["since"], UTC).date()
    print_line(
        f"{_STATES[record['verdict']]}  {record['infohash']}  {day}  {record['by']:<12}  {record['reason']}".rstrip()
    )


async def show_stats(records: Records) -> bool:
    """Print the numbers, a block for each component."""
    return await _each(records, _show_numbers)


def _show_numbers(record: Record) -> None:
    for component, numbers in record.items():
        click.secho(component, bold=True)
        for name, value in numbers.items():
            click.echo(f"  {name:<10} {_figure(name, value):>18}")


def _figure(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int):
        return str(value)
    return format_size(value) if name in {"bytes", "free"} else f"{value:,}"


async def show_check(records: Records) -> bool:
    """Print each damaged file, then how many were checked; False when one is damaged."""
    sound = True
    async with aclosing(records):
        async for record in records:
            if print_refusal(record):
                sound = False
            elif "problem" in record:
                sound = False
                print_line(f"{record['infohash']}  {record['problem']}")
            else:
                click.echo(f"{record['files']:,} checked, {record['problems']:,} not sound")
    return sound


async def _each(records: Records, show: Callable[[Record], None]) -> bool:
    succeeded = True
    async with aclosing(records):
        async for record in records:
            if print_refusal(record):
                succeeded = False
            else:
                show(record)
    return succeeded

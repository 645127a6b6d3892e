"""Hides how a deed's records read on a terminal: each `show_…` reads them all and tells whether all went well."""

import json
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import click

from peerage.quantities import show_size

Record = dict[str, Any]
Records = AsyncGenerator[Record, None]
Show = Callable[[Records], Coroutine[None, None, bool]]

_VERDICTS = {"deny": "blocked", "allow": "allowed"}
_WELL = {"new", "known", "written", "same", "changed"}


def print_line(text: str) -> None:
    """Print a line; what others named, such as a file in an archive, cannot steer the terminal."""
    click.echo("".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text))


def refused(record: Record) -> bool:
    """Show a record that is a refusal; tell whether it was one."""
    if "refused" in record:
        click.echo(f"refused ({record['refused']}): {record['text']}", err=True)
    return "refused" in record


async def show_json(records: Records) -> bool:
    """Print each record as a line of JSON."""
    went_well = True
    async with aclosing(records):
        async for record in records:
            click.echo(json.dumps(record))
            went_well = went_well and "refused" not in record
    return went_well


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
        if refused(first):
            return False
        last: Record = {"found": 0, "passed": 0}
        with click.progressbar(length=max(first["total"], 1), label="Importing", file=sys.stderr) as bar:
            async for record in records:
                if "refused" in record:
                    bar.render_finish()
                    return not refused(record)
                last = record
                bar.update(max(record["done"] - bar.pos, 0))
    click.echo(
        f"{last['found']:,} titles" + (f", {last['passed']:,} lines not read" if last["passed"] else "")
    )
    return True


async def _transfer(records: Records, label: str, advance: Callable[[Record, int], int]) -> bool:
    tally: Counter[str] = Counter()
    failures: list[str] = []
    went_well = True
    async with aclosing(records):
        first = await anext(records, {"total": 0})
        if refused(first):
            return False
        with click.progressbar(length=max(first["total"], 1), label=label, file=sys.stderr) as bar:
            async for record in records:
                if "refused" in record:
                    went_well = False
                    failures.append(f"({record['refused']}): {record['text']}")
                    continue
                tally[record["outcome"]] += 1
                if record["outcome"] not in _WELL:
                    failures.append(f"{record.get('name') or record['infohash']}: {record['text']}")
                bar.update(max(advance(record, bar.pos) - bar.pos, 0))
    for failure in failures:
        print_line(f"refused  {failure}")
    click.echo(
        ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(tally.items())) or "nothing found"
    )
    return went_well and not failures


async def show_entries(records: Records) -> bool:
    """Show an entry as it was made."""
    return await _each(
        records,
        lambda record: print_line(
            f"{_VERDICTS[record['verdict']]}  {record['infohash']}  {record['reason']}"
        ),
    )


async def show_day(records: Records) -> bool:
    """Show which day of the census was closed."""
    went_well = True
    async with aclosing(records):
        async for record in records:
            if refused(record):
                went_well = False
            elif record["day"] is None:
                click.echo("no day of the census is open", err=True)
                went_well = False
            else:
                click.echo(f"closed  {record['day']}")
    return went_well


async def show_lifted(records: Records) -> bool:
    """Show whether there was an entry to lift."""
    went_well = True
    async with aclosing(records):
        async for record in records:
            if refused(record):
                went_well = False
            elif record["found"]:
                click.echo(f"lifted  {record['infohash']}")
            else:
                click.echo(f"{record['infohash']} was not on that list", err=True)
                went_well = False
    return went_well


async def show_lists(records: Records) -> bool:
    """Show a line for each entry: verdict, hash, day, by whom, why."""
    return await _each(records, _show_entry)


def _show_entry(record: Record) -> None:
    day = datetime.fromtimestamp(record["since"], UTC).date()
    print_line(
        f"{_VERDICTS[record['verdict']]}  {record['infohash']}  {day}  {record['by']:<12}  {record['reason']}".rstrip()
    )


async def show_stats(records: Records) -> bool:
    """Show the numbers, a block for each room."""
    return await _each(records, _show_numbers)


def _show_numbers(record: Record) -> None:
    for room, numbers in record.items():
        click.secho(room, bold=True)
        for name, value in numbers.items():
            click.echo(f"  {name:<10} {_figure(name, value):>18}")


def _figure(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int):
        return str(value)
    return show_size(value) if name in {"bytes", "free"} else f"{value:,}"


async def show_check(records: Records) -> bool:
    """Show each file that does not hold, then how many were checked; all is well when every one does."""
    sound = True
    async with aclosing(records):
        async for record in records:
            if refused(record):
                sound = False
            elif "problem" in record:
                sound = False
                print_line(f"{record['infohash']}  {record['problem']}")
            else:
                click.echo(f"{record['files']:,} checked, {record['problems']:,} not sound")
    return sound


async def _each(records: Records, show: Callable[[Record], None]) -> bool:
    went_well = True
    async with aclosing(records):
        async for record in records:
            if refused(record):
                went_well = False
            else:
                show(record)
    return went_well

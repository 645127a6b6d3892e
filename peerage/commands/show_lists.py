"""The command that shows every list: lists. Rules and files of lists are its own, which no change of a list needs."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from peerage.commands.command import Command
from peerage.commands.lists import STATES, EntryRecord, entry_record
from peerage.commands.rules import RuleRecord, rule_line, rule_record
from peerage.commands.terminal import day, print_each

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from accounts.model import Principal
    from lists.infohashes import ListEntry
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class ShowLists:
    """Show every blocked and allowed torrent, and the rules on clients and addresses."""


@dataclass(frozen=True, slots=True)
class ListFileRecord:
    """A file that a list is kept equal to: entries, bad lines, some of them told, and why it was not taken, if so."""

    file: str
    path: str
    entries: int
    bad: int
    lines: list[str]
    problem: str


async def _lists(
    application: "Application", _operator: "Principal", _arguments: ShowLists
) -> AsyncIterator[EntryRecord | RuleRecord | ListFileRecord]:
    walk = cast("AsyncGenerator[list[ListEntry], None]", application.lists.walk())
    async with aclosing(walk) as batches:
        async for batch in batches:
            for entry in batch:
                yield entry_record(entry)
    async for rules in application.access_rules.walk():
        for rule in rules:
            yield rule_record(rule)
    if application.settings.lists.paths:
        for file in application.list_files.reports:
            yield ListFileRecord(
                file.source.name, str(file.path), file.entries, file.bad, list(file.told), file.problem
            )


async def _show_lists(
    _arguments: ShowLists, records: AsyncIterator[EntryRecord | RuleRecord | ListFileRecord]
) -> bool:
    return await print_each(records, _line)


def _line(entry: EntryRecord | RuleRecord | ListFileRecord) -> str:
    if isinstance(entry, ListFileRecord):
        state = (
            f"not taken: {entry.problem}"
            if entry.problem
            else f"{entry.entries} entries, {entry.bad} bad lines"
        )
        return "\n  ".join((f"file {entry.file}  {entry.path}  {state}", *entry.lines))
    if isinstance(entry, RuleRecord):
        return rule_line(entry)
    state = STATES[entry.verdict]
    return f"{state}  {entry.infohash}  {day(entry.since)}  {entry.by:<12}  {entry.reason}".rstrip()


LISTS = Command(
    path=("lists",),
    arguments=ShowLists,
    record=EntryRecord | RuleRecord | ListFileRecord,
    run=_lists,
    show=_show_lists,
    starts=False,
)

"""Keeps the lists equal to the files of lines that the settings name; what cannot be read leaves a list as it was."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import structlog

from actions.access_moderation import MOST_RULES, AccessEnforcement
from actions.takedowns import Takedowns
from bittorrent.infohash import InfoHash
from lists.access_rules import AccessRule, AccessRules
from lists.infohashes import ListEntry
from lists.list_file import SOURCES, ListFile, ListSource, UnusableFile, read_list_file

MOST_TORRENTS = 2_000_000
_BATCH = 2_000

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FileReport:
    """How it stands with a file: entries in force, bad lines, some of them told, and why it was not taken, if so.

    `read_at` is when it was taken last, in unix seconds, 0 for never.
    """

    source: ListSource
    path: Path
    entries: int = 0
    bad: int = 0
    told: tuple[str, ...] = ()
    problem: str = ""
    read_at: int = 0


Stamp = tuple[int, int, int] | None
"""Time of change in ns, size and inode; None: the file is not there."""


@dataclass(slots=True)
class _Watched:
    """A file, and how it looked when it was read."""

    report: FileReport
    stamp: Stamp = (-1, -1, -1)


class ListFiles:
    """Reads files again when they change; `paths` are by the names of `SOURCES`."""

    def __init__(
        self,
        paths: Mapping[str, Path],
        takedowns: Takedowns,
        rules: AccessRules,
        enforcement: AccessEnforcement,
        *,
        clock: Callable[[], float],
        every: float,
    ) -> None:
        self._watched = [
            _Watched(FileReport(source, paths[source.name])) for source in SOURCES if source.name in paths
        ]
        self._takedowns = takedowns
        self._rules = rules
        self._enforcement = enforcement
        self._clock = clock
        self._every = every
        self._lock = asyncio.Lock()

    @property
    def reports(self) -> Sequence[FileReport]:
        """How it stands with each file."""
        return [each.report for each in self._watched]

    async def run(self) -> None:
        """Look for files that changed until cancelled."""
        while True:
            await self.read()
            await asyncio.sleep(self._every)

    async def read(self, *, again: bool = False) -> None:
        """Take what changed, or everything `again`; one file after another."""
        async with self._lock:
            for each in self._watched:
                stamp = await asyncio.to_thread(_stamp, each.report.path)
                if again or stamp != each.stamp:
                    each.stamp = stamp
                    each.report = await self._take(each.report)

    async def _take(self, report: FileReport) -> FileReport:
        source = report.source
        most = MOST_RULES[source.subject] if source.subject is not None else MOST_TORRENTS
        try:
            found = await asyncio.to_thread(read_list_file, report.path, source, most)
            await (self._sync_rules if source.subject is not None else self._sync_torrents)(source, found)
        except UnusableFile as error:
            log.warning("lists.file_kept", list=source.name, path=str(report.path), problem=str(error))
            return replace(report, problem=str(error))
        except Exception as error:  # a store that fails now may work at the next change
            log.exception("lists.file_failed", list=source.name)
            return replace(report, problem=str(error))
        tell = log.warning if found.bad else log.info
        tell("lists.file_read", list=source.name, entries=len(found.entries), bad=found.bad, lines=found.told)
        return replace(
            report,
            entries=len(found.entries),
            bad=found.bad,
            told=found.told,
            problem="",
            read_at=int(self._clock()),
        )

    async def _sync_rules(self, source: ListSource, found: ListFile) -> None:
        left, gone = dict(found.entries), []
        async for batch in self._rules.walk(source.name):
            for rule in batch:
                if (reason := left.get(rule.pattern)) is None:
                    gone.append(rule)
                elif reason == rule.reason:
                    del left[rule.pattern]
        assert source.subject is not None
        now, by, subject = int(self._clock()), _by(source), source.subject
        for some in _batches(list(left.items())):
            await self._rules.add_all(
                [
                    AccessRule(subject, pattern, source.kind, reason, by, now, source.name)
                    for pattern, reason in some
                ]
            )
        for rules in _batches(gone):
            await self._rules.remove_all(rules)
        if left or gone:
            await self._enforcement.enforce()

    async def _sync_torrents(self, source: ListSource, found: ListFile) -> None:
        left, gone = dict(found.entries), []
        async for infohash, reason in self._known(source):
            if (said := left.get(infohash.lower)) is None:
                gone.append(infohash)
            elif said == reason:
                del left[infohash.lower]
        now, by = int(self._clock()), _by(source)
        # In the order of their infohashes, which is that of the tables: each batch changes few of their pages.
        for some in _batches(sorted(left.items())):
            await self._takedowns.add_listed(
                [
                    ListEntry(InfoHash.parse(name), source.kind, reason, by, now, source=source.name)
                    for name, reason in some
                ]
            )
        for infohashes in _batches(gone):
            await self._takedowns.drop_listed(infohashes, source.kind, source.name)

    async def _known(self, source: ListSource) -> AsyncIterator[tuple[InfoHash, str]]:
        after = b""
        lists = self._takedowns.lists
        while page := await lists.of_source(source.kind, source.name, after, _BATCH):
            for each in page:
                yield each
            after = page[-1][0]


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


def _by(source: ListSource) -> str:
    return f"file {source.name}"


def _stamp(path: Path) -> Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116 - of a path that may be anything
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

"""A model of a disk that loses power: what was synced stays, what was not may persist, tear or vanish, each by itself.

It is fed with the log that `tests/native/disk_faults.c` writes. A write is durable once its file was synced, a name once
its folder was, and everything once the whole file system was. A rename is one step, durable with the folder that it leads to; the sync of the one that it left settles
alone that the old name is gone. A sync that fails settles nothing: by chance each pending write got there or is lost,
and no later sync makes up for it. What `sync()` does is not counted on, since it tells of no failure.
"""

import errno
import itertools
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

SECTOR = 512
EXHAUSTIVE = 6
"""Up to so many pending operations every combination is tried."""

_HEAD = struct.Struct("=IiQQQIIII")


class Call(IntEnum):
    """The calls of the log, as numbered in C."""

    OPEN = 1
    CREATE = 2
    WRITE = 3
    TRUNCATE = 4
    SYNC = 5
    RENAME = 6
    UNLINK = 7
    LINK = 8
    MKDIR = 9
    CLOSE = 10
    READ = 11
    RMDIR = 12
    SYNC_ALL = 13


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call: its result, the inodes and the offset that it was about, and its data or names."""

    call: Call
    result: int
    inode: int
    other: int
    offset: int
    first: bytes
    second: bytes
    fault: int


def read_log(path: Path) -> list[LoggedCall]:
    """Read a log; a last entry that was cut off is left out."""
    data, at, calls = path.read_bytes(), 0, []
    while at + _HEAD.size <= len(data):
        call, result, inode, other, offset, first, second, fault, _ = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if at + first + second > len(data):
            break
        names = data[at : at + first], data[at + first : at + first + second]
        calls.append(LoggedCall(Call(call), result, inode, other, offset, *names, fault))
        at += first + second
    return calls


class Fate(IntEnum):
    """What becomes of a pending operation when power is cut."""

    KEPT = 0
    LOST = 1
    TORN = 2


@dataclass(slots=True)
class Node:
    """A file's bytes or a folder's names, as a power cut leaves them if nothing pending persists."""

    data: bytes = b""
    names: dict[bytes, "Node"] | None = None


@dataclass(slots=True)
class Pending:
    """An operation that is not durable yet, on a file or, with names, on a folder."""

    node: Node
    call: Call
    offset: int = 0
    data: bytes = b""
    name: bytes = b""
    target: Node | None = None
    source: Node | None = None
    source_name: bytes = b""

    @property
    def fates(self) -> tuple[Fate, ...]:
        """What may become of it: a write of several sectors may tear."""
        sectors = (self.offset + len(self.data) - 1) // SECTOR - self.offset // SECTOR
        return tuple(Fate) if self.call is Call.WRITE and sectors > 0 else (Fate.KEPT, Fate.LOST)


def _written(old: bytes, offset: int, data: bytes) -> bytes:
    return old[:offset].ljust(offset, b"\0") + data + old[offset + len(data) :]


def _torn(old: bytes, pending: Pending, chance: random.Random) -> bytes:
    """The sectors of a write that got there, each by itself, but neither all of them nor none."""
    end = pending.offset + len(pending.data)
    edges = [pending.offset, *range((pending.offset // SECTOR + 1) * SECTOR, end, SECTOR), end]
    count = len(edges) - 1
    kept = chance.sample(range(count), chance.randrange(1, count))
    for number in kept:
        first, last = edges[number], edges[number + 1]
        old = _written(old, first, pending.data[first - pending.offset : last - pending.offset])
    return old


@dataclass
class Disk:
    """The disk under one folder while a log is replayed."""

    root: Node
    nodes: dict[int, Node]
    chance: random.Random
    pending: list[Pending] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, chance: random.Random) -> "Disk":
        """The disk as a folder stands, all of it durable."""
        nodes: dict[int, Node] = {}
        return cls(_load(folder, nodes), nodes, chance)

    def apply(self, call: LoggedCall) -> None:
        """Replay one call."""
        if call.call is Call.WRITE and call.first:
            self._add(Pending(self.nodes[call.inode], Call.WRITE, call.offset, call.first))
        elif call.call is Call.SYNC:
            if call.result != -errno.EINTR:
                (self._sync if call.result >= 0 else self._fail_to_sync)(self.nodes[call.inode])
        elif call.call is Call.SYNC_ALL:
            if call.result != -errno.EINTR:
                (self._sync_all if call.result >= 0 else self._fail_to_sync_all)()
        elif call.result < 0:
            return
        elif call.call is Call.TRUNCATE or (call.call is Call.OPEN and call.offset):
            size = call.offset if call.call is Call.TRUNCATE else 0
            self._add(Pending(self.nodes[call.inode], Call.TRUNCATE, size))
        elif call.call in {Call.CREATE, Call.MKDIR}:
            made = self.nodes[call.inode] = Node(names={} if call.call is Call.MKDIR else None)
            self._add(Pending(self.nodes[call.other], call.call, name=call.first, target=made))
        elif call.call is Call.LINK:
            folder = self.nodes[call.other]
            self._add(Pending(folder, call.call, name=call.first, target=self.nodes[call.inode]))
        elif call.call is Call.RENAME:
            self._rename(call)
        elif call.call in {Call.UNLINK, Call.RMDIR}:
            self._add(Pending(self.nodes[call.other], Call.UNLINK, name=call.first))

    def fates(self, limit: int, chance: random.Random) -> Iterator[tuple[Fate, ...]]:
        """What may become of what is pending: every combination where few things are, else at most `limit` of them."""
        choices = [each.fates for each in self.pending]
        if len(choices) <= EXHAUSTIVE:
            yield from itertools.product(*choices)
            return
        count = len(choices)
        yield (Fate.KEPT,) * count
        yield (Fate.LOST,) * count
        for _ in range(limit - 2):
            rate = chance.choice((0.1, 0.5, 0.9))
            yield tuple(Fate.KEPT if chance.random() < rate else chance.choice(each[1:]) for each in choices)

    def after(self, fates: Sequence[Fate], chance: random.Random) -> dict[str, bytes | None]:
        """The folder after a power cut: bytes by path, None for a folder."""
        data: dict[int, bytes] = {}
        names: dict[int, dict[bytes, Node]] = {}
        for pending, fate in zip(self.pending, fates, strict=True):
            if fate is not Fate.LOST:
                _carry_out(pending, fate, data, names, chance)
        found: dict[str, bytes | None] = {}
        _collect(self.root, "", data, names, found)
        return found

    def _add(self, pending: Pending) -> None:
        self.pending.append(pending)

    def _rename(self, call: LoggedCall) -> None:
        source, folder = self.nodes[call.inode], self.nodes[call.other]
        target = self.nodes[call.offset]
        self._add(
            Pending(
                folder,
                Call.RENAME,
                name=call.second,
                target=target,
                source=source,
                source_name=call.first,
            )
        )

    def _sync(self, node: Node) -> None:
        left = []
        for each in self.pending:
            if each.node is not node:
                left.append(each if each.source is not node else _left(each))
                continue
            if each.source is not None and each.source is not node:
                left.append(Pending(each.source, Call.UNLINK, name=each.source_name))
            _settle(each)
        self.pending = left

    def _sync_all(self) -> None:
        for each in self.pending:
            _settle(each)
            if each.source is not None and each.source is not each.node:
                _settle(Pending(each.source, Call.UNLINK, name=each.source_name))
        self.pending = []

    def _fail_to_sync_all(self) -> None:
        for node in {id(each.node): each.node for each in self.pending}.values():
            self._fail_to_sync(node)

    def _fail_to_sync(self, node: Node) -> None:
        if node.names is not None:
            return  # a file system that loses names it was told to sync goes read-only
        for each in [each for each in self.pending if each.node is node]:
            self.pending.remove(each)
            if self.chance.random() < 0.5:
                _settle(each)


def _left(pending: Pending) -> Pending:
    """Make the half of a rename durable that took a name from a folder; the new name is pending still."""
    assert pending.source is not None
    _settle(Pending(pending.source, Call.UNLINK, name=pending.source_name))
    return Pending(pending.node, Call.LINK, name=pending.name, target=pending.target)


def _settle(pending: Pending) -> None:
    """Make a pending operation durable."""
    data: dict[int, bytes] = {}
    names: dict[int, dict[bytes, Node]] = {}
    _carry_out(pending, Fate.KEPT, data, names, random.Random(0))
    for node in filter(None, (pending.node, pending.source if pending.source is pending.node else None)):
        if id(node) in data:
            node.data = data[id(node)]
        if id(node) in names:
            node.names = names[id(node)]


def _carry_out(
    pending: Pending,
    fate: Fate,
    data: dict[int, bytes],
    names: dict[int, dict[bytes, Node]],
    chance: random.Random,
) -> None:
    node = pending.node
    if node.names is None:
        old = data.get(id(node), node.data)
        if pending.call is Call.TRUNCATE:
            new = old[: pending.offset].ljust(pending.offset, b"\0")
        elif fate is Fate.TORN:
            new = _torn(old, pending, chance)
        else:
            new = _written(old, pending.offset, pending.data)
        data[id(node)] = new
        return
    own = names.setdefault(id(node), dict(node.names))
    if pending.call is Call.UNLINK:
        own.pop(pending.name, None)
        return
    assert pending.target is not None
    own[pending.name] = pending.target
    if pending.source is not None:
        source = names.setdefault(id(pending.source), dict(pending.source.names or {}))
        source.pop(pending.source_name, None)


def _load(path: Path, nodes: dict[int, Node]) -> Node:
    if path.is_dir():
        names = {each.name.encode(): _load(each, nodes) for each in path.iterdir() if not each.is_socket()}
        node = Node(names=names)
    else:
        node = Node(path.read_bytes())
    nodes[path.lstat().st_ino] = node
    return node


def _collect(
    node: Node,
    path: str,
    data: dict[int, bytes],
    names: dict[int, dict[bytes, Node]],
    found: dict[str, bytes | None],
) -> None:
    if node.names is None:
        found[path] = data.get(id(node), node.data)
        return
    found[path] = None
    for name, each in names.get(id(node), node.names).items():
        if not name.endswith(b"-shm"):
            _collect(each, f"{path}/{name.decode()}" if path else name.decode(), data, names, found)


def write_folder(found: dict[str, bytes | None], folder: Path) -> None:
    """Write a folder that a power cut left."""
    for path, data in found.items():
        if data is None:
            (folder / path).mkdir(exist_ok=True)
        else:
            (folder / path).write_bytes(data)

"""Mirroring: follows the changes of another service, takes its public records and files, and honours its blocks.

What is here by itself stays as it is: only what was taken from a service changes and goes with it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import structlog

from actions.catalogue_dump_lines import LONGEST_LINE, read_line, write_line
from actions.catalogue_import import CatalogueImport
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.infohash import V1_LENGTH, InfoHash
from bittorrent.refusal import Refusal
from catalogue.events import Emit, deleted
from catalogue.mirrors import MirrorState, MirrorStore
from catalogue.store import UNRESTRICTED_VIEWER, TorrentStore
from lists.entry_text import AUTHOR_LIMIT, REASON_LIMIT
from lists.infohashes import ListKind, Lists

if TYPE_CHECKING:
    from downloads.outgoing_http import HttpAnswer, OutgoingHttp

MOST_PAGE = 32 * 2**20
"""Bytes of a page of changes that are read."""
PAGE = 100
_SECONDS = 60.0
_STALE = 100
_LONGEST_PAUSE = 3600.0
# What goes on only when somebody makes room here.
_FULL = frozenset({"cache-full", "cache-share", "disk-full", "busy"})

log = structlog.get_logger()


class MirrorFailed(Exception):
    """A service could not be followed any further for now; the text says why, `wait` when it asked to be left alone."""

    def __init__(self, problem: str, wait: float = 0.0) -> None:
        super().__init__(problem)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class MirrorSource:
    """A service to follow, by its URL without a slash at its end, and a key of its scope `rest`, "" for none."""

    url: str
    key: str = ""

    @property
    def host(self) -> str:
        """Its host and port."""
        return urlsplit(self.url).netloc

    @property
    def by(self) -> str:
        """The author of the blocks that are taken from it."""
        return f"mirror of {self.host}"[:AUTHOR_LIMIT]


@dataclass(frozen=True, slots=True)
class MirrorProgress:
    """A step: the state after it, and how many torrents were taken, left out, removed and blocked in it."""

    state: MirrorState
    taken: int = 0
    left_out: int = 0
    removed: int = 0
    blocked: int = 0


@dataclass(frozen=True, slots=True)
class MirrorTarget:
    """Where what is mirrored goes; `importer` makes what merges lines of dumps. One step at a time holds `turn`."""

    store: MirrorStore
    torrents: TorrentStore
    uploads: Uploads
    takedowns: Takedowns
    lists: Lists
    importer: Callable[[], CatalogueImport]
    clock: Callable[[], float]
    turn: asyncio.Lock
    emit: Emit


class Mirroring:
    """Follows one service; what a step took is durable when it returns, and a step that is cut off is made again."""

    def __init__(self, source: MirrorSource, target: MirrorTarget, http: "OutgoingHttp") -> None:
        self._source = source
        self._target = target
        self._http = http

    async def catch_up(self) -> AsyncIterator[MirrorProgress]:
        """Yield steps until the service has nothing newer. MirrorFailed."""
        importer = self._target.importer()
        while True:
            async with self._target.turn:
                state = await self._target.store.open(self._source.url)
                page = await self._page(state)
                if page is None:  # what became of everything is not known: take all of it anew
                    anew = replace(state, cursor="", round=state.round + 1, whole=False, position=0)
                    await self._target.store.save(anew)
                    continue
                step = await self._step(state, page, importer)
            yield step
            if page["whole"]:
                return
            if page["cursor"] == state.cursor:
                raise MirrorFailed("its changes do not end")

    async def run(self, interval: float) -> None:
        """Catch up every `interval` seconds, and longer after failures; never returns."""
        failures = 0
        while True:
            pause = interval
            try:
                async for step in self.catch_up():
                    log.info(
                        "mirror.step",
                        url=self._source.url,
                        position=step.state.position,
                        newest=step.state.newest,
                    )
                failures = 0
            except MirrorFailed as failed:
                failures += 1
                pause = max(min(interval * 2**failures, _LONGEST_PAUSE), failed.wait)
                await self._note(str(failed))
            except Exception:
                failures += 1
                pause = min(interval * 2**failures, _LONGEST_PAUSE)
                log.exception("mirror.broken", url=self._source.url)
            await asyncio.sleep(pause)

    async def _note(self, problem: str) -> None:
        log.warning("mirror.failed", url=self._source.url, problem=problem)
        state = await self._target.store.open(self._source.url)
        await self._target.store.save(replace(state, problem=problem[:200]))

    async def _step(
        self, state: MirrorState, page: Mapping[str, Any], importer: CatalogueImport
    ) -> MirrorProgress:
        changes = [(_infohash(change), change) for change in page["changes"]]
        claimed = await self._claim(state, changes)
        taken: list[InfoHash] = []
        dropped: list[InfoHash] = []
        blocked = 0
        for infohash, change in changes:
            match change.get("kind"):
                case "added" | "changed":
                    if await self._take(infohash, change, importer, claimed=infohash in claimed):
                        taken.append(infohash)
                case "removed":
                    dropped += await self._drop(state, [infohash])
                case "blocked":
                    await self._block(infohash, str(change.get("reason", "")))
                    blocked += 1
                case "unblocked":
                    await self._unblock(infohash)
        state = replace(
            state,
            cursor=page["cursor"],
            position=page["position"],
            newest=page["newest"],
            asked=int(self._target.clock()),
            problem="",
        )
        left_out = claimed.difference(taken, dropped)
        await self._target.store.save(state, taken, [*dropped, *left_out])
        if page["whole"] and not state.whole:
            dropped += await self._end_round(state)
            state = replace(state, whole=True)
            await self._target.store.save(state)
        return MirrorProgress(state, len(taken), len(left_out), len(dropped), blocked)

    async def _claim(
        self, state: MirrorState, changes: Sequence[tuple[InfoHash, Mapping[str, Any]]]
    ) -> set[InfoHash]:
        """Note what will be taken from this service before it is here: else a cut-off step would leave it to nobody."""
        offered = [infohash for infohash, change in changes if change.get("kind") in {"added", "changed"}]
        here = {each.infohash for each in await self._target.torrents.named(offered, UNRESTRICTED_VIEWER)}
        claimed = await self._target.store.taken(state.id, offered)
        fresh = set(offered) - here - claimed
        await self._target.store.save(state, sorted(fresh))
        return claimed | fresh

    async def _end_round(self, state: MirrorState) -> list[InfoHash]:
        """Drop what an ended round did not see any more."""
        gone: list[InfoHash] = []
        while stale := await self._target.store.stale(state, _STALE):
            gone += await self._drop(state, stale)
            await self._target.store.save(state, (), stale)
        return gone

    async def _take(
        self, infohash: InfoHash, change: Mapping[str, Any], importer: CatalogueImport, *, claimed: bool
    ) -> bool:
        """Take a torrent over; return whether it is here because of this service."""
        torrent, group = _line(change.get("torrent"), "torrent"), _line(change.get("group"), "group")
        if torrent["private"] or torrent["hidden"] or torrent["hash"] != infohash:
            return False
        known = await self._target.torrents.torrent(infohash, UNRESTRICTED_VIEWER)
        try:
            if change.get("held") is True and (known is None or not known.held):
                await self._take_file(infohash)
            if not claimed:
                return False
            await importer.apply("torrent", torrent | {"uploader": None})
            await importer.apply("group", group)
        except Refusal as refusal:
            if refusal.code in _FULL:
                raise MirrorFailed(str(refusal)) from None
            log.info("mirror.left_out", infohash=infohash.upper, code=refusal.code)
            return False
        return True

    async def _take_file(self, infohash: InfoHash) -> None:
        """Fetch a .torrent file and store it; one that is not there, of another torrent or private is left out."""
        uploads = self._target.uploads
        answer = await self._get(f"/torrent/{infohash.upper}.torrent", uploads.limit)
        if answer.status != 200:
            if answer.status in {429, 500, 502, 503, 504}:
                raise MirrorFailed(f"status {answer.status} for a file", answer.retry_after)
            return
        read = await uploads.reader.read(answer.body)
        if infohash not in read.metainfo.infohashes or read.metainfo.private:
            log.warning("mirror.another", infohash=infohash.upper, url=self._source.url)
            return
        await uploads.accept(read.plain, self._source.by, skip_limit=True)

    async def _drop(self, state: MirrorState, infohashes: list[InfoHash]) -> list[InfoHash]:
        """Remove what was taken from this service, but not what an account has made its own since."""
        dropped = []
        for infohash in await self._target.store.taken(state.id, infohashes):
            known = await self._target.torrents.torrent(infohash, UNRESTRICTED_VIEWER)
            if known is not None and known.uploader is None:
                # The file goes first: after a crash a record is left, which can be removed again.
                await self._target.takedowns.remove_file([known.infohash, known.alias or known.infohash])
                await self._target.torrents.remove([known.id])
                await self._target.emit(deleted(known.infohash, known.title, "", self._source.by))
            dropped.append(infohash)
        return dropped

    async def _block(self, infohash: InfoHash, reason: str) -> None:
        text = "".join(each for each in reason if each.isprintable())[:REASON_LIMIT]
        if await self._target.lists.denied((infohash,)) is None:
            await self._target.takedowns.block(infohash, text, self._source.by)

    async def _unblock(self, infohash: InfoHash) -> None:
        """Lift a block that was taken from this service; another one stays."""
        entries = await self._target.lists.find((infohash,), ListKind.DENY)
        if entries and all(entry.by == self._source.by for entry in entries):
            await self._target.takedowns.unblock(infohash)

    async def _page(self, state: MirrorState) -> Mapping[str, Any] | None:
        """Return the next page of changes, None where the cursor is too old. MirrorFailed."""
        query = urlencode({"limit": PAGE} | ({"after": state.cursor} if state.cursor else {}))
        answer = await self._get(f"/api/changes?{query}", MOST_PAGE)
        if answer.status == 410 and state.cursor:
            return None
        if answer.status != 200:
            raise MirrorFailed(f"status {answer.status} for the changes", answer.retry_after)
        return await asyncio.to_thread(read_page, answer.body)

    async def _get(self, path: str, limit: int) -> "HttpAnswer":
        headers = {"Authorization": f"Bearer {self._source.key}"} if self._source.key else {}
        try:
            return await self._http.get(
                self._source.url + path, limit=limit, seconds=_SECONDS, headers=headers
            )
        except OSError as error:
            raise MirrorFailed(str(error)) from None


def read_page(body: bytes) -> Mapping[str, Any]:
    """Return the page in an answer of `/api/changes`, as far as every page has it. MirrorFailed."""
    try:
        page = json.loads(body)["data"]
        read = {name: page[name] for name in ("cursor", "whole", "position", "newest", "changes")}
    except (ValueError, RecursionError, KeyError, TypeError):
        raise MirrorFailed("its changes cannot be read") from None
    kinds: dict[str, type] = {"cursor": str, "whole": bool, "position": int, "newest": int, "changes": list}
    good = all(isinstance(read[name], kind) for name, kind in kinds.items())
    if not (
        good
        and len(read["cursor"]) <= 1000
        and all(0 <= read[name] < 2**63 for name in ("position", "newest"))
    ):
        raise MirrorFailed("its changes cannot be read")
    if len(read["changes"]) > PAGE or not all(isinstance(each, dict) for each in read["changes"]):
        raise MirrorFailed("its changes cannot be read")
    if not read["whole"] and not read["cursor"]:
        raise MirrorFailed("its changes do not end")
    return read


def _infohash(change: Mapping[str, Any]) -> InfoHash:
    try:
        infohash = InfoHash.parse(str(change.get("info_hash", "")))
    except Refusal:
        raise MirrorFailed("its changes name no infohash") from None
    if len(infohash) != V1_LENGTH:
        raise MirrorFailed("its changes name no infohash of 20 bytes")
    return infohash


def _line(value: object, kind: str) -> dict[str, Any]:
    """Return the checked values of a line of a dump. MirrorFailed: it is none of that kind."""
    if not isinstance(value, dict):
        raise MirrorFailed(f"a change has no {kind}")
    try:
        line = write_line(value)
        if len(line) > LONGEST_LINE:
            raise MirrorFailed(f"a {kind} is too long")
        found, values = read_line(line)
    except (Refusal, ValueError) as error:
        raise MirrorFailed(f"a {kind} cannot be read: {error}"[:200]) from None
    if found != kind:
        raise MirrorFailed(f"a {found} is where a {kind} should be")
    return values

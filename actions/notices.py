"""Takedown notices: anybody sends them, moderators decide them, and what is decided blocks or unblocks torrents."""

import re
from collections.abc import Callable, Mapping

from accounts.model import Principal
from accounts.rights import Right, Rights
from actions.list_moderation import ListModeration
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.fields import RESOLUTION, validate
from catalogue.model import PUBLIC_VIEWER, Page, Subject
from catalogue.moderation import Moderation
from catalogue.notices import (
    FIELDS,
    MOST_OPEN,
    MOST_TORRENTS,
    NewNotice,
    Notice,
    NoticeFigures,
    NoticeKind,
    NoticeState,
    NoticeStore,
    unique,
)
from catalogue.store import CatalogueStore

MONTHS = 24

_HASH = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40})(?![0-9A-Fa-f])")
_PAGE = re.compile(r"/t/([0-9]{1,18})(?![0-9A-Za-z])")


class Notices:
    """Notices over their store; `lists` blocks and unblocks, the moderators' log has every notice and decision."""

    def __init__(
        self,
        store: NoticeStore,
        catalogue: CatalogueStore,
        lists: ListModeration,
        *,
        moderation: Moderation,
        rights: Rights,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._lists = lists
        self._moderation = moderation
        self._rights = rights
        self._clock = clock

    async def send(self, given: Mapping[str, str]) -> int:
        """Take a notice from anybody and return its number; with `about` it answers an earlier one.

        Refusal: `invalid`, `not-found` (there is no notice to answer), `fixed` (it was not honoured), `full`.
        """
        about = given.get("about", "")
        values = validate({name: given.get(name, "") for name in FIELDS}, FIELDS)
        text = values.pop("torrents")
        if about:
            answered = await self._answered(about)
            new = NewNotice(NoticeKind.COUNTER, answered.id, torrents=answered.torrents, **values)
        else:
            new = NewNotice(NoticeKind.TAKEDOWN, None, torrents=await self._named(text), **values)
        number = await self._store.add(new, int(self._clock()), MOST_OPEN)
        said = f"{new.kind} by {new.claimant} for {new.work}: {new.statement}"
        await self._moderation.log(None, "notice", Subject.NOTICE, str(number), said)
        return number

    async def waiting(self, principal: Principal, offset: int, limit: int, *, decided: bool) -> Page[Notice]:
        """Return open or decided notices (BLOCK)."""
        self._rights.require(principal, Right.BLOCK)
        return await self._store.notices(offset, limit, decided=decided)

    async def honour(self, principal: Principal, number: int, answer: str) -> Notice:
        """Do as a notice asks (BLOCK): block its torrents, or lift the blocks of the notice that it answers.

        Blocking is repeatable, and the decision is written last: what a crash cuts off is decided again.
        Refusal: `not-found`, `fixed`, `invalid`.
        """
        notice, answer = await self._open(principal, number, answer)
        for infohash in notice.torrents:
            if notice.kind is NoticeKind.TAKEDOWN:
                await self._lists.block(principal, infohash, f"notice {number}")
            else:
                await self._unblock(principal, infohash)
        return await self._decide(principal, number, NoticeState.HONOURED, answer)

    async def refuse(self, principal: Principal, number: int, answer: str) -> Notice:
        """Do not as a notice asks (BLOCK). Refusal: `not-found`, `fixed`, `invalid`."""
        _, answer = await self._open(principal, number, answer)
        return await self._decide(principal, number, NoticeState.REFUSED, answer)

    async def figures(self) -> list[NoticeFigures]:
        """Return the notices of each month in numbers, for everybody."""
        return await self._store.figures(MONTHS)

    async def public(self, offset: int, limit: int) -> Page[Notice]:
        """Return all notices, newest first; pages show of them who claimed what and what was decided."""
        return await self._store.notices(offset, limit, decided=None)

    async def answerable(self, number: int) -> Notice:
        """Return a notice that a counter-notice can answer. Refusal: `not-found`, `fixed`."""
        return await self._answered(str(number))

    async def _answered(self, about: str) -> Notice:
        found = await self._store.notice(int(about)) if about.isascii() and about.isdecimal() else None
        if found is None or found.kind is not NoticeKind.TAKEDOWN:
            raise Refusal("not-found")
        if found.state is not NoticeState.HONOURED:
            raise Refusal("fixed", "that notice was not honoured")
        return found

    async def _named(self, text: str) -> tuple[InfoHash, ...]:
        """Return the torrents that a text names by infohash, magnet link or the address of their page."""
        named = [InfoHash.parse(each) for each in _HASH.findall(text)[: MOST_TORRENTS + 1]]
        for number in _PAGE.findall(text)[: MOST_TORRENTS + 1]:
            torrent = await self._catalogue.torrents.torrent(int(number), PUBLIC_VIEWER)
            named += [torrent.infohash] if torrent is not None else []
        found = unique(named)
        if not found:
            raise Refusal("invalid", fields={"torrents": ["No torrent is named: give infohashes or links."]})
        if len(found) > MOST_TORRENTS:
            raise Refusal("invalid", fields={"torrents": [f"More than {MOST_TORRENTS} torrents are named."]})
        return found

    async def _open(self, principal: Principal, number: int, answer: str) -> tuple[Notice, str]:
        self._rights.require(principal, Right.BLOCK)
        notice = await self._store.notice(number)
        if notice is None:
            raise Refusal("not-found")
        if notice.state is not NoticeState.OPEN:
            raise Refusal("fixed")
        return notice, validate({"resolution": answer}, RESOLUTION)["resolution"]

    async def _decide(self, principal: Principal, number: int, state: NoticeState, answer: str) -> Notice:
        if not await self._store.decide(number, state, principal.id, answer, int(self._clock())):
            raise Refusal("fixed")
        await self._moderation.log(
            principal.id, state.value, Subject.NOTICE, str(number), principal.signed(answer)
        )
        found = await self._store.notice(number)
        assert found is not None
        return found

    async def _unblock(self, principal: Principal, infohash: InfoHash) -> None:
        try:
            await self._lists.unblock(principal, infohash)
        except Refusal as refusal:
            if refusal.code != "not-found":  # somebody has lifted it already
                raise

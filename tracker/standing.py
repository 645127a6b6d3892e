"""The standing of accounts: classes that are reached and lost, the ratio watch, and what changes by their rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tracker.hourly import EVERY, repeat

_ACCOUNTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ClassRule:
    """A class of accounts, and what is asked of who is in it: credited bytes and ratio, age in seconds, numbers.

    `torrents` are those that it brought. `invites` are given once, with the class.
    """

    name: str
    uploaded: int = 0
    ratio: float = 0.0
    age: int = 0
    snatched: int = 0
    torrents: int = 0
    invites: int = 0


@dataclass(frozen=True, slots=True)
class WatchRules:
    """The ratio watch: below `ratio` with more than `since` bytes downloaded for `time` seconds, and no more is given.

    `ratio` 0 watches nobody.
    """

    ratio: float = 0.0
    since: int = 0
    time: int = 0


class MemberFigures(NamedTuple):
    """What the rules ask of an account: credited bytes, snatches, torrents that it brought, when it came."""

    account: int
    uploaded: int
    downloaded: int
    snatched: int
    torrents: int
    joined: int

    @property
    def ratio(self) -> float:
        """Bytes uploaded by byte downloaded, infinite without a download."""
        return self.uploaded / self.downloaded if self.downloaded else float("inf")


class Standing(NamedTuple):
    """How an account stands: its class ("" for none), since when it is watched and barred (0: not), and its invites.

    `reached` is the highest class that gave its invites, as its place among the rules.
    """

    name: str = ""
    watched: int = 0
    barred: int = 0
    invites: int = 0
    reached: int = 0


NEVER_JUDGED = Standing()


class StandingChange(NamedTuple):
    """What became of an account: a verb of the moderators' log, and a sentence."""

    verb: str
    detail: str


def judge(
    figures: MemberFigures, standing: Standing, classes: Sequence[ClassRule], watch: WatchRules, now: int
) -> tuple[Standing, list[StandingChange]]:
    """Return how an account stands from now on, and what changed.

    Its class is the last of the rules whose demands it meets, all of them. A watch begins when the ratio is too low,
    ends when it is not, and bars the account when its time is over; a barred one is let in again by its ratio.
    """
    standing, changes = _classed(figures, standing, classes, now)
    low = bool(watch.ratio) and figures.downloaded > watch.since and figures.ratio < watch.ratio
    if not low and (standing.watched or standing.barred):
        verb = "unbar" if standing.barred else "end-watch"
        changes.append(StandingChange(verb, f"ratio {figures.ratio:.3f}"))
        standing = standing._replace(watched=0, barred=0)
    elif low and not standing.watched:
        changes.append(StandingChange("watch", f"ratio {figures.ratio:.3f} below {watch.ratio:g}"))
        standing = standing._replace(watched=now)
    elif low and not standing.barred and now - standing.watched >= watch.time:
        changes.append(StandingChange("bar", f"ratio {figures.ratio:.3f} below {watch.ratio:g}"))
        standing = standing._replace(barred=now)
    return standing, changes


def _classed(
    figures: MemberFigures, standing: Standing, classes: Sequence[ClassRule], now: int
) -> tuple[Standing, list[StandingChange]]:
    met = [at for at, rule in enumerate(classes, 1) if _meets(figures, rule, now)]
    place = max(met, default=0)
    name = classes[place - 1].name if place else ""
    if name == standing.name:
        return standing, []
    before = next((at for at, rule in enumerate(classes, 1) if rule.name == standing.name), 0)
    verb = "promote" if place > before else "demote"
    gift = sum(rule.invites for rule in classes[standing.reached : place])
    changed = standing._replace(
        name=name, invites=standing.invites + gift, reached=max(place, standing.reached)
    )
    detail = f"{standing.name or 'no class'} to {name or 'no class'}"
    return changed, [StandingChange(verb, f"{detail}, {gift} invites" if gift else detail)]


def _meets(figures: MemberFigures, rule: ClassRule, now: int) -> bool:
    return (
        figures.uploaded >= rule.uploaded
        and figures.ratio >= rule.ratio
        and now - figures.joined >= rule.age
        and figures.snatched >= rule.snatched
        and figures.torrents >= rule.torrents
    )


@dataclass(frozen=True, slots=True)
class JudgedAccount:
    """An account, how it stood when it was read, how it stands now, and what changed."""

    account: int
    before: Standing
    standing: Standing
    changes: Sequence[StandingChange]


class StandingStore(Protocol):
    """Standings on disk."""

    async def standing(self, account: int) -> Standing:
        """Return how an account stands; one that was never judged stands as `Standing()`."""

    async def figures(self, after: int, limit: int) -> list[tuple[MemberFigures, Standing]]:
        """Return up to `limit` enabled accounts of the role user with ids above `after`, ascending."""

    async def write(self, judged: Sequence[JudgedAccount], now: int) -> None:
        """Write standings, and each change into the moderators' log, in one transaction.

        Invites that were given or used meanwhile stay so: the difference is added.
        """

    async def barred(self) -> set[int]:
        """Return the accounts that are barred."""


class Standings:
    """Judges every account by the rules once an hour; `barred` are those that may not download now."""

    def __init__(
        self,
        store: StandingStore,
        classes: Sequence[ClassRule],
        watch: WatchRules,
        clock: Callable[[], float],
        report: Callable[[Exception], None],
    ) -> None:
        self.store = store
        self.classes = classes
        self.watch = watch
        self.barred: frozenset[int] = frozenset()
        self._clock = clock
        self._report = report

    async def start(self) -> None:
        """Read who is barred."""
        self.barred = frozenset(await self.store.barred())

    async def run(self) -> None:
        """Judge for ever; after a failure, which is reported, the next hour tries again."""
        await repeat(self.judge_all, EVERY, self._report)

    async def judge_all(self) -> int:
        """Judge every account; return how many stand otherwise now."""
        after, changed, now = 0, 0, int(self._clock())
        while page := await self.store.figures(after, _ACCOUNTS_AT_ONCE):
            after = page[-1][0].account
            judged = []
            for figures, before in page:
                standing, changes = judge(figures, before, self.classes, self.watch, now)
                if changes:
                    judged.append(JudgedAccount(figures.account, before, standing, changes))
            if judged:
                await self.store.write(judged, now)
                changed += len(judged)
        await self.start()
        return changed


def watched_until(standing: Standing, watch: WatchRules) -> int:
    """Return when a watch ends with a bar, 0 where there is none or it has."""
    return standing.watched + watch.time if standing.watched and not standing.barred else 0

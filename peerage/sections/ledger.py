"""Settings of the ledger of a private tracker."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from peerage.sections.section import Reads, Seconds, Section, Setting, Size
from peerage.setting_values import read_duration, read_items, read_size

if TYPE_CHECKING:
    from tracker.bonus import BonusFormula, BonusPrices
    from tracker.obligations import ObligationRules
    from tracker.standing import ClassRule, WatchRules

_DAY = 86_400
_LONGEST_NAME = 32
_DEMANDS: dict[str, Callable[[str], float]] = {
    "uploaded": lambda text: float(str(read_size(text))),
    "ratio": float,
    "age": lambda text: float(str(read_duration(text))),
    **dict.fromkeys(("snatched", "torrents", "invites"), int),
}


def read_class(text: str) -> "ClassRule":
    """Read a rule as `Power User: uploaded=25GiB ratio=1.05`. ValueError."""
    from tracker.standing import ClassRule  # noqa: PLC0415 - not for the settings alone

    name, colon, rest = text.partition(":")
    name = name.strip()
    if not colon or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise ValueError(
            f"{text!r} is no class: write its name of up to {_LONGEST_NAME} letters, a colon, and demands"
        )
    demands: dict[str, float] = {}
    for word in rest.split():
        key, equals, value = word.partition("=")
        if not equals or key not in _DEMANDS or key in demands:
            raise ValueError(
                f"{word!r} is no demand: they are {', '.join(_DEMANDS)}, each once, as ratio=1.05"
            )
        number = _DEMANDS[key](value)
        if not 0 <= number < 2**62:
            raise ValueError(f"{word!r} is out of range")
        demands[key] = number
    whole = {key: int(number) for key, number in demands.items() if key != "ratio"}
    return ClassRule(name, ratio=demands.get("ratio", 0.0), **whole)


def _class_text(text: str) -> str:
    read_class(text)
    return text


ClassText = Annotated[str, Reads(_class_text, after=True)]


class LedgerSection(Section, frozen=True, kw_only=True):
    """What of an account's traffic counts, and what follows from it."""

    token_lifetime: Annotated[
        Seconds,
        Setting("How long a token that is spent makes a torrent free for its account.", 3600, 3660 * _DAY),
    ] = 14 * _DAY
    seed_time: Annotated[
        Seconds,
        Setting(
            "Seeding that is asked of who downloaded a torrent, as 72h; 0 asks for none.", 0, 3660 * _DAY
        ),
    ] = 0
    seed_ratio: Annotated[
        float,
        Setting(
            "Uploaded to downloaded bytes of the torrent that do instead; 0: only the time does.", 0, 1000
        ),
    ] = 1.0
    seed_grace: Annotated[
        Seconds,
        Setting(
            "How long an account may be away from a torrent that it owes seeding before it hit and ran.",
            0,
            3660 * _DAY,
        ),
    ] = 3 * _DAY
    downloaded_share: Annotated[
        int,
        Setting(
            "Percent of a torrent's size from which on it counts as downloaded; 0: with its completion alone.",
            0,
            100,
        ),
    ] = 0
    points_per_hour: Annotated[
        float, Setting("Bonus points for an hour of seeding, of any torrent.", 0, 1e6)
    ] = 0.0
    points_per_gib: Annotated[
        float, Setting("Points that an hour gives more for each GiB of the torrent.", 0, 1e6)
    ] = 0.0
    points_most_gib: Annotated[float, Setting("The most GiB of a torrent that give points.", 0, 1e6)] = 100.0
    points_aged: Annotated[
        float,
        Setting(
            "What is added to one and multiplies the points of a torrent here for a year; less for less.",
            0,
            1000,
        ),
    ] = 0.0
    points_scarce: Annotated[
        float,
        Setting(
            "What is added to one and multiplies the points of a torrent's only seeder; half of it for two.",
            0,
            1000,
        ),
    ] = 0.0
    class_rules: Annotated[
        Annotated[tuple[ClassText, ...], Reads(read_items)],
        Setting(
            "Classes of accounts, the lowest first; an account is in the last whose demands it meets.",
            0,
            32,
            takes="as Power User: uploaded=25GiB ratio=1.05 age=14d snatched=5 torrents=1 invites=2",
        ),
    ] = ()
    watch_ratio: Annotated[
        float, Setting("Credited ratio below which an account is watched; 0 watches nobody.", 0, 1000)
    ] = 0.0
    watch_from: Annotated[Size, Setting("Credited bytes of downloads from which on it is.", 0, 2**62)] = (
        10 * 2**30
    )
    watch_time: Annotated[
        Seconds,
        Setting(
            "How long a watched account has for its ratio, until it may no longer download.", 0, 3660 * _DAY
        ),
    ] = 14 * _DAY
    token_price: Annotated[int, Setting("Points that a token costs; 0: it is not for sale.", 0, 10**9)] = 0
    gib_price: Annotated[
        int, Setting("Points that a GiB of upload credit costs; 0: not for sale.", 0, 10**9)
    ] = 0

    @property
    def classes(self) -> "tuple[ClassRule, ...]":
        """The classes of accounts, the lowest first."""
        return tuple(read_class(text) for text in self.class_rules)

    @property
    def watch(self) -> "WatchRules":
        """The rules of the ratio watch."""
        from tracker.standing import WatchRules  # noqa: PLC0415 - not for the settings alone

        return WatchRules(self.watch_ratio, self.watch_from, self.watch_time)

    @property
    def obligations(self) -> "ObligationRules":
        """The rules of what is owed for a download."""
        from tracker.obligations import ObligationRules  # noqa: PLC0415 - not for the settings alone

        return ObligationRules(self.seed_time, self.seed_ratio, self.seed_grace, self.downloaded_share)

    @property
    def bonus(self) -> "BonusFormula":
        """The formula of bonus points."""
        from tracker.bonus import BonusFormula  # noqa: PLC0415 - not for the settings alone

        return BonusFormula(
            self.points_per_hour,
            self.points_per_gib,
            self.points_most_gib,
            self.points_aged,
            self.points_scarce,
        )

    @property
    def prices(self) -> "BonusPrices":
        """What points buy."""
        from tracker.bonus import BonusPrices  # noqa: PLC0415 - not for the settings alone

        return BonusPrices(self.token_price, self.gib_price)

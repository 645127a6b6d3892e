"""Settings of the ledger of a private tracker."""

from typing import Annotated

from peerage.sections.section import Seconds, Section, Setting
from tracker.bonus import BonusFormula, BonusPrices
from tracker.obligations import ObligationRules

_DAY = 86_400


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
        float, Setting("Bonus points for an hour of seeding, of any torrent.", 0, 1000000.0)
    ] = 0.0
    points_per_gib: Annotated[
        float, Setting("Points that an hour gives more for each GiB of the torrent.", 0, 1000000.0)
    ] = 0.0
    points_most_gib: Annotated[
        float, Setting("The most GiB of a torrent that give points.", 0, 1000000.0)
    ] = 100.0
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
    token_price: Annotated[int, Setting("Points that a token costs; 0: it is not for sale.", 0, 10**9)] = 0
    gib_price: Annotated[
        int, Setting("Points that a GiB of upload credit costs; 0: not for sale.", 0, 10**9)
    ] = 0

    @property
    def obligations(self) -> ObligationRules:
        """The rules of what is owed for a download."""
        return ObligationRules(self.seed_time, self.seed_ratio, self.seed_grace, self.downloaded_share)

    @property
    def bonus(self) -> BonusFormula:
        """The formula of bonus points."""
        return BonusFormula(
            self.points_per_hour,
            self.points_per_gib,
            self.points_most_gib,
            self.points_aged,
            self.points_scarce,
        )

    @property
    def prices(self) -> BonusPrices:
        """What points buy."""
        return BonusPrices(self.token_price, self.gib_price)

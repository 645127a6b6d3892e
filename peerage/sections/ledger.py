"""Settings of the ledger of a private tracker."""

from pydantic import Field

from peerage.sections.section import Seconds, Section
from tracker.bonus import BonusFormula, BonusPrices
from tracker.obligations import ObligationRules

_DAY = 86_400


class LedgerSection(Section):
    """What of an account's traffic counts, and what follows from it."""

    token_lifetime: Seconds = Field(
        default=14 * _DAY,
        ge=3600,
        le=3660 * _DAY,
        description="How long a token that is spent makes a torrent free for its account.",
    )
    seed_time: Seconds = Field(
        default=0,
        ge=0,
        le=3660 * _DAY,
        description="Seeding that is asked of who downloaded a torrent, as 72h; 0 asks for none.",
    )
    seed_ratio: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="Uploaded to downloaded bytes of the torrent that do instead; 0: only the time does.",
    )
    seed_grace: Seconds = Field(
        default=3 * _DAY,
        ge=0,
        le=3660 * _DAY,
        description="How long an account may be away from a torrent that it owes seeding before it hit and ran.",
    )
    downloaded_share: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Percent of a torrent's size from which on it counts as downloaded; 0: with its completion alone.",
    )
    points_per_hour: float = Field(
        default=0.0, ge=0, le=1e6, description="Bonus points for an hour of seeding, of any torrent."
    )
    points_per_gib: float = Field(
        default=0.0, ge=0, le=1e6, description="Points that an hour gives more for each GiB of the torrent."
    )
    points_most_gib: float = Field(
        default=100.0, ge=0, le=1e6, description="The most GiB of a torrent that give points."
    )
    points_aged: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="What is added to one and multiplies the points of a torrent here for a year; less for less.",
    )
    points_scarce: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="What is added to one and multiplies the points of a torrent's only seeder; half of it for two.",
    )
    token_price: int = Field(
        default=0, ge=0, le=10**9, description="Points that a token costs; 0: it is not for sale."
    )
    gib_price: int = Field(
        default=0, ge=0, le=10**9, description="Points that a GiB of upload credit costs; 0: not for sale."
    )

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

"""Settings of the ledger of a private tracker."""

from pydantic import Field

from peerage.sections.section import Seconds, Section

_DAY = 86_400


class LedgerSection(Section):
    """What of an account's traffic counts, and what follows from it."""

    token_lifetime: Seconds = Field(
        default=14 * _DAY,
        ge=3600,
        le=3660 * _DAY,
        description="How long a token that is spent makes a torrent free for its account.",
    )

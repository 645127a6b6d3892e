"""Download limits: how much is fetched, kept and seeded, and when seeding ends."""

from collections.abc import Iterable
from dataclasses import dataclass

from downloads.model import SeedPolicy
from downloads.store import ContentRow


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """What the operator allows: counts of downloads, bytes, a ratio, and seconds of seeding."""

    active: int = 50
    slots: int = 5
    queue: int = 100
    held: int = 1000
    max_size: int = 200 * 2**30
    quota: int = 2**40
    account_quota: int = 2**39
    min_free_disk: int = 2 * 2**30
    seed: bool = True
    seed_ratio: float = 1.0
    seed_time: int = 86_400

    @property
    def largest(self) -> int:
        """The bytes of the largest content that can ever fit."""
        return min(self.max_size, self.quota, self.account_quota)

    def should_seed(self, policies: Iterable[SeedPolicy]) -> bool:
        """Tell whether content is seeded, given the policies of its jobs."""
        return any(
            policy is SeedPolicy.SEED or (policy is SeedPolicy.DEFAULT and self.seed) for policy in policies
        )

    def seeding_done(self, row: ContentRow, uploaded: int, now: float) -> bool:
        """Tell whether complete content has reached the seed ratio or the seed time."""
        since = row.finished if row.finished is not None else row.added
        return uploaded >= self.seed_ratio * row.size or now - since >= self.seed_time

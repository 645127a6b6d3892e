"""Settings of the shares that one address may have."""

from typing import Annotated

from bittorrent.shares import BINDS_ABOVE, ShareTerms
from peerage.sections.section import Networks, Section, Setting


class FairnessSection(Section, frozen=True, kw_only=True):
    """Whom shares of swarms, connections, bytes stored and work bind, and from when on."""

    binds_above: Annotated[
        float,
        Setting(
            "The part of a cap in use from which on one address (IPv6: /64) is held to a share of the rest.",
            0,
            1,
        ),
    ] = BINDS_ABOVE
    exempt_networks: Annotated[
        Networks, Setting("Networks that no share binds, such as a seedbox or a large NAT.")
    ] = ()

    @property
    def terms(self) -> ShareTerms:
        """These settings, as every resource that is shared takes them."""
        return ShareTerms(self.binds_above, self.exempt_networks)

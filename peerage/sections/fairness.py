"""Settings of the shares that one address may have."""

from pydantic import Field

from bittorrent.shares import BINDS_ABOVE, ShareTerms
from peerage.sections.section import NETWORKS, Networks, Section


class FairnessSection(Section):
    """Whom shares of swarms, connections, bytes stored and work bind, and from when on."""

    binds_above: float = Field(
        default=BINDS_ABOVE,
        ge=0,
        le=1,
        description="The part of a cap in use from which on one address (IPv6: /64) is held to a share of the rest.",
    )
    exempt_networks: Networks = Field(
        default=(),
        description="Networks that no share binds, such as a seedbox or a large NAT.",
        json_schema_extra=NETWORKS,
    )

    @property
    def terms(self) -> ShareTerms:
        """These settings, as every resource that is shared takes them."""
        return ShareTerms(self.binds_above, self.exempt_networks)

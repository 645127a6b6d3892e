"""Makes the webhooks, whose requests go past the outgoing filter."""

from functools import cache
from typing import TYPE_CHECKING

from actions.webhooks import KEY_BYTES, Webhooks
from storage.webhooks import SqlWebhooks

if TYPE_CHECKING:
    from downloads.outgoing_http import OutgoingHttp
    from peerage.wiring.application import Application


def make_webhooks(application: "Application") -> Webhooks:
    """Return the webhooks of an application."""
    environment = application.environment
    private = application.settings.lookups.private_peers

    def http() -> "OutgoingHttp":
        # Its HTTP client takes a tenth of a second to import, and most services have no webhook.
        from downloads.outgoing_filter import OutgoingFilter  # noqa: PLC0415
        from downloads.outgoing_http import OutgoingHttp  # noqa: PLC0415

        return OutgoingHttp(OutgoingFilter(allow_private=private))

    return Webhooks(
        SqlWebhooks(application.stores.records),
        application.rights,
        http,
        cache(lambda: application.stores.folder.secret("webhooks", KEY_BYTES, environment.random)),
        environment.clock,
    )

"""The routes of all HTML pages."""

from starlette.routing import Route

from web import (
    account,
    browsing,
    bulk_moderation,
    bulk_upload,
    credit,
    dashboard,
    downloads,
    erasure,
    front,
    invites,
    language,
    listings,
    lists,
    login,
    mail,
    moderation,
    notices,
    second_factor,
    torrents,
    upload,
    users,
)
from web.page_context import PageServices
from web.page_router import PageRouter


def routes(services: PageServices) -> list[Route]:
    """Return the routes of the pages for people."""
    router = PageRouter(services)
    return [
        *front.routes(router),
        *browsing.routes(router),
        *listings.routes(router),
        *torrents.routes(router),
        *upload.routes(router),
        *bulk_upload.routes(router),
        *login.routes(router),
        *account.routes(router),
        *downloads.routes(router),
        *users.routes(router),
        *moderation.routes(router),
        *dashboard.routes(router),
        *bulk_moderation.routes(router),
        *lists.routes(router),
        *credit.routes(router),
        *invites.routes(router),
        *language.routes(router),
        *notices.routes(router),
        *second_factor.routes(router),
        *erasure.routes(router),
        *mail.routes(router),
    ]

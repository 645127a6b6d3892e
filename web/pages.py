"""The routes of all HTML pages."""

from starlette.routing import Route

from doors.office import Office
from web import account, browsing, downloads, entrance, moderation, people, torrents, uploading
from web.door import Door


def routes(office: Office) -> list[Route]:
    """Return the routes of the pages for people."""
    door = Door(office)
    return [
        *browsing.routes(door),
        *torrents.routes(door),
        *uploading.routes(door),
        *entrance.routes(door),
        *account.routes(door),
        *downloads.routes(door),
        *people.routes(door),
        *moderation.routes(door),
    ]

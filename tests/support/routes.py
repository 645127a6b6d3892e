"""The doors of the whole application: its dialects, and the paths that belong to none."""

from pathlib import Path

from peerage.config import Settings
from peerage.listeners import Listeners
from peerage.routes import make_app
from peerage.wiring.application import open_application


async def doors(folder: Path) -> tuple[set[str], set[str]]:
    """The names of all dialects, and the other paths."""
    async with open_application(Settings.of(data=folder)) as application:
        routes = make_app(application, Listeners(application)).routes
    dialects = {route.dialect.name for route in routes if hasattr(route, "dialect")}
    return dialects, {route.path for route in routes if not hasattr(route, "dialect")}

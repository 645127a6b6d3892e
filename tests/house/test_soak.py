"""Every dialect and every path of its own is reached by a row of the soak: one that comes later joins them."""

from peerage import serve
from peerage.config import Settings
from peerage.listeners import Listeners
from peerage.wiring.application import open_application
from tests.proof.attacks import ATTACKS
from tests.proof.honest import kinds

# These are answered without any work, or by the routes of the dialect that they stand beside.
NEEDLESS = {
    "/livez": "answers while the loop turns, as /healthz does",
    "/upload.php": "a redirect beside the form that the row of upload_form sends",
    "/api/torrage.wsdl": "a text, beside the row of upload_soap",
    "/api/index.php": "a text, beside the row of upload_soap",
    "/api/{rest:path}": "a refusal, which the row of rest hears",
    "/api/v1/{rest:path}": "a refusal, which the row of rest hears",
}


async def test_every_route_is_in_the_soak(tmp_path):
    async with open_application(Settings(data=tmp_path / "data")) as application:
        routes = serve.make_app(application, Listeners(application)).routes
    doors = set()
    for route in routes:
        dialect = getattr(route, "dialect", None)
        if dialect is not None:
            doors.add(dialect.name)
        elif "passkey" not in route.path:
            doors.add(route.path)
    rows = [*ATTACKS.values(), *kinds(["/torrent/x"], "ada:x").values()]
    reached = {door for row in rows for door in row.doors}
    assert doors - reached == NEEDLESS.keys()
    assert reached <= doors

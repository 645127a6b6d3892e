"""Every dialect and every path of its own is reached by a row of the soak: one that comes later joins them."""

from tests.proof.attacks import ATTACKS
from tests.proof.honest import kinds
from tests.support.routes import doors

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
    dialects, paths = await doors(tmp_path / "data")
    rows = [*ATTACKS.values(), *kinds(["/torrent/x"], "ada:x").values()]
    reached = {door for row in rows for door in row.doors}
    assert (dialects | paths) - reached == NEEDLESS.keys()
    assert reached <= dialects | paths

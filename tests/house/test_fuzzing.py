"""Every dialect and every path of its own names the fuzz targets that feed what it reads: one that comes later joins them."""

from tests.fuzz.targets import exchanges, files, formats, requests, texts
from tests.support.routes import doors

_UPLOAD = {"form-body", "compressed-upload", "metainfo", "bencode-values", "release-name"}
_SOCKETS = {"websocket-message", "websocket-exchange", "websocket-frames", "native-sockets"}
_TRACKER = {"request-head", "passkey-path", "passkey-query", "forwarded-header", "address", "http-exchange"}
_TRACKER |= {"proxy-header"}
DIALECTS = {
    "feeds": {"search-text"},
    "gazelle": {"gazelle-browse", "form-body", *_UPLOAD},
    "gazelle_login": {"form-body"},
    "pages": {"device-answer", "search-text", "description", "cleaned-text", "tag-name", "magnet", *_UPLOAD},
    "qbittorrent": {"qbittorrent-parameters", "form-body", "magnet", *_UPLOAD},
    "rest": {"rest-query", "json-body", "form-body"},
    "torbox": {"torbox-parameters", "json-body", "form-body", "magnet"},
    "torrent_api": {"torrent-api-parameters", "form-body"},
    "torznab": {"torznab-search"},
    "upload_autoupload": _UPLOAD,
    "upload_form": _UPLOAD,
    "upload_soap": {"soap-envelope", "soap-call", *_UPLOAD},
}
PATHS = {
    "/announce": {"announce-query", *_SOCKETS, *_TRACKER},
    "/scrape": {"scrape-query", *_TRACKER},
    "/announce/{passkey}": {"passkey-path"},
    "/{passkey}/announce": {"passkey-path"},
    "/scrape/{passkey}": {"passkey-path"},
    "/{passkey}/scrape": {"passkey-path"},
    "/dld/{opaque}": {"file-headers"},
    "/torrent/{rest:path}": {"file-headers"},
}
COMMANDS = {"changes-page", "archive", "dump-line", "imdb-titles", "file-names", "site-dump", "site-tables"}
PACKETS = {"udp-packet", "udp-exchange", "connection-ids", "proxy-header"}
DISK = {"journal-row"}
NODES = {"change-batch"}
# Routes that read nothing but their path.
NOTHING = {"/api/index.php", "/api/torrage.wsdl", "/upload.php", "/metrics", "/robots.txt", "/static/{name}"}
NOTHING |= {"/healthz", "/livez", "/readyz", "/stats", "/stats.json"}


def targets():
    subjects = (exchanges, files, formats, requests, texts)
    return {target.name for subject in subjects for target in subject.TARGETS}


def test_every_target_is_one_of_a_door_a_command_the_disk_or_another_node():
    named = set().union(*DIALECTS.values(), *PATHS.values(), COMMANDS, PACKETS, DISK, NODES)
    assert named == targets()


async def test_every_route_is_fuzzed(tmp_path):
    dialects, paths = await doors(tmp_path / "data")
    assert not dialects - DIALECTS.keys()
    of_their_own = {path for path in paths if not path.startswith("/api/")}
    assert not of_their_own - PATHS.keys() - NOTHING

"""Uploads and downloads through a proxy: large ones, in pieces, refused, half asked for, packed."""

import gzip
import hashlib
import os
import re
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.proxies.reverse_proxy import HOST, PROXIES
from tests.clients.proxies.site import CLIENT, Site, chunked, head, infohashes, running, seen
from tests.support import raw_torrents
from tests.support.clients import Answer, Http, announce_path, multipart, scrape
from tests.support.processes import PeerageProcess, peerage_processes

pytestmark = pytest.mark.clients

UPLOAD = "/autoupload.php"
PAUSE = 0.0005  # between pieces, which else come as one
PATIENCE = 1.0  # of a client that waits for 100, which RFC 9110 lets send its body then
PIECE = 16384
LARGE = 9_900_000  # bytes of hashes; cache.max_torrent_size is 10 MiB
TOO_LARGE = 12 << 20  # for the service, not for the proxy
FAR_TOO_LARGE = (16 << 20) + 1  # for both


def torrent(hashes: int) -> bytes:
    """A .torrent with so many bytes of hashes."""
    count = hashes // 20
    return raw_torrents.torrent(raw_torrents.info(pieces=os.urandom(20 * count), length=PIECE * count))


def path(data: bytes) -> str:
    return f"/torrent/{raw_torrents.infohash(data).hex().upper()}.torrent"


def upload_head(kind: str, *lines: str) -> bytes:
    return head("POST", UPLOAD, f"Content-Type: {kind}", *lines)


def upload(site: Site, data: bytes) -> Answer:
    body, kind = multipart(data)
    return site.ask(UPLOAD, f"Content-Type: {kind}", method="POST", body=body)


def trickle(site: Site, pieces: Iterator[bytes]) -> Answer:
    """Send pieces, each in a packet of its own; return the answer."""
    with site.connect() as connection:
        for piece in pieces:
            connection.send(piece)
            time.sleep(PAUSE)
        return connection.receive()


def split(whole: bytes, *places: int) -> Iterator[bytes]:
    for first, last in zip((0, *places), (*places, len(whole)), strict=True):
        yield whole[first:last]


def bytewise(request: bytes, body: bytes) -> Iterator[bytes]:
    return (b"%c" % each for each in request + body)


def awkward(request: bytes, body: bytes) -> Iterator[bytes]:
    """In line breaks, before the last byte of the head, behind the first and before the last of the body."""
    whole, edge = request + body, len(request)
    breaks = [match.start() + 1 for match in re.finditer(b"\r\n", whole)]
    return split(whole, *sorted({*breaks, edge - 1, edge, edge + 1, len(whole) - 1}))


def in_halves(request: bytes, body: bytes) -> Iterator[bytes]:
    return iter((request, body[: len(body) // 2], body[len(body) // 2 :]))


@pytest.mark.parametrize(
    ("cut", "framing"),
    [
        (bytewise, "length"),
        (bytewise, "chunks"),
        (awkward, "length"),
        (awkward, "chunks"),
        (in_halves, "one-byte-chunks"),
    ],
)
def test_an_upload_arrives_in_whatever_pieces_it_comes(
    site: Site, cut: Callable[[bytes, bytes], Iterator[bytes]], framing: str
) -> None:
    data = raw_torrents.torrent()
    body, kind = multipart(data)
    if framing == "length":
        request, sent = upload_head(kind, f"Content-Length: {len(body)}"), body
    else:
        pieces = [body[:10], body[10:]] if framing == "chunks" else [b"%c" % each for each in body]
        request, sent = upload_head(kind, "Transfer-Encoding: chunked"), chunked(*pieces)
    assert trickle(site, cut(request, sent)).status == 200
    assert site.ask(path(data)).body == data


def test_an_announce_arrives_byte_by_byte(site: Site, infohash: bytes) -> None:
    assert seen(trickle(site, bytewise(head("GET", announce_path(infohash)), b""))) == CLIENT


def test_a_large_file_goes_up_and_comes_down(site: Site) -> None:
    data = torrent(LARGE)
    assert upload(site, data).status == 200
    plain = site.ask(path(data))
    assert hashlib.sha1(plain.body).digest() == hashlib.sha1(data).digest()
    assert plain.headers["content-length"] == str(len(data))
    packed = site.ask(path(data), "Accept-Encoding: gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == data
    for lines, whole in (([], plain), (["Accept-Encoding: gzip"], packed)):
        only_head = site.ask(path(data), *lines, method="HEAD")
        assert (only_head.status, only_head.body) == (200, b"")
        for name in ("content-length", "content-type", "etag", "cache-control", "vary"):
            assert only_head.headers.get(name) == whole.headers.get(name), name
        tag = whole.headers["etag"]
        assert site.ask(path(data), f"If-None-Match: {tag}", *lines).status == 304


def test_a_range_of_a_torrent_is_the_whole_or_what_was_asked_for(site: Site) -> None:
    data = torrent(100_000)
    assert upload(site, data).status == 200
    for asked in ("bytes=0-9", "bytes=5-", "bytes=-7", "bytes=0-9, 20-29", "bytes=99999999-"):
        answer = site.ask(path(data), f"Range: {asked}")
        assert (answer.status, answer.body == data) == (200, True), asked


def refused_as_too_large(site: Site, connection: Http) -> bool:
    """Whether the proxy or the service said so; this door of the service answers 200 with the status in its text."""
    answer = connection.receive()
    return answer.status in site.proxy.too_large or answer.body.startswith(b"Error 413")


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("size", [TOO_LARGE, FAR_TOO_LARGE], ids=["service", "both"])
def test_what_is_too_large_is_413_and_the_next_request_is_served(
    site: Site, infohash: bytes, framing: str, size: int
) -> None:
    body, kind = multipart(os.urandom(size))
    with site.connect() as connection:
        if framing == "length":
            request, sent = upload_head(kind, f"Content-Length: {len(body)}"), body
        else:
            request = upload_head(kind, "Transfer-Encoding: chunked")
            sent = chunked(*(body[at : at + 65536] for at in range(0, len(body), 65536)))
        connection.send(request)
        connection.send(sent)
        assert refused_as_too_large(site, connection)
    assert site.seen_by(infohash) == CLIENT


def continued(connection: Http) -> bool:
    """Whether 100 came in the time that a client waits for it."""
    return bool(select.select([connection.socket], [], [], PATIENCE)[0])


def final(connection: Http) -> Answer:
    """The answer behind those that say that another one comes."""
    while (answer := connection.receive(bodyless=True)).status == 100:
        pass
    return answer


def test_a_client_that_waits_for_100_continue_uploads(site: Site) -> None:
    data = torrent(200_000)
    body, kind = multipart(data)
    with site.connect() as connection:
        connection.send(upload_head(kind, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert continued(connection) or site.proxy.silent_until_the_body
        connection.send(body)
        assert final(connection).status == 200
    assert site.ask(path(data)).body == data


def test_nothing_of_a_head_request_is_left_for_the_next(site: Site, infohash: bytes) -> None:
    data = raw_torrents.torrent()
    assert upload(site, data).status == 200
    with site.connect() as connection:
        for target in (path(data), "/", "/no-such-page", announce_path(infohash, event="stopped")):
            connection.send(head("HEAD", target))
            assert connection.receive(bodyless=True).status in {200, 404, 405}
            connection.send(head("GET", announce_path(infohash)))
            assert seen(connection.receive()) == CLIENT


TWICE = {
    "host": (400, ["Host: other.example.org"]),
    "same-host": (400, [f"Host: {HOST}"]),
    "length": (400, ["Content-Length: 0", "Content-Length: 5"]),
    "length-list": (400, ["Content-Length: 0, 5"]),
    "encoding": (400, ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"]),
}


@pytest.mark.parametrize(("status", "lines"), TWICE.values(), ids=TWICE)
def test_what_may_stand_once_is_refused_twice(
    site: Site, infohash: bytes, status: int, lines: list[str]
) -> None:
    with site.connect() as connection:
        connection.send(head("POST", announce_path(infohash), *lines) + b"0\r\n\r\n")
        answer = connection.receive()
        assert answer.status in {status, 405, 501}
    assert scrape(site.service.port, infohash) == (0, 0, 0)


def test_two_keys_in_one_request_are_none(site: Site) -> None:
    site.service.run("user", "add", "twice", "--password-stdin", given="correct horse battery\n")
    made = site.service.run("key", "add", "twice", "--scope", "rest")
    assert made.returncode == 0, made.stderr
    key = made.stdout.split()[-1]
    own, other = f"Authorization: Bearer {key}", f"Authorization: Bearer {key[:-1]}"
    asked = "/api/sessions"
    assert site.ask(asked, own).status == 200
    for lines in ([own, other], [other, own]):
        assert site.ask(asked, *lines).status in {400, 401}


@pytest.fixture(scope="module", params=PROXIES)
def packing_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: Path
) -> Iterator[Site]:
    """A proxy that packs what it can, before a service that packs some of it."""
    folder = tmp_path_factory.mktemp(f"{request.param}-packing")
    with peerage_processes(folder) as start:
        service: PeerageProcess = start(
            trusted_proxies="127.0.0.1", public_url=f"http://{HOST}/", cache__min_free_disk=0
        )
        (folder / "proxy").mkdir()
        proxy = PROXIES[request.param](folder / "proxy", service.port, certificate, packs=True)
        with running(proxy):
            yield Site(service, proxy)


def unpacked(answer: Answer) -> bytes:
    coding = answer.headers.get("content-encoding")
    assert coding in {None, "gzip"}
    return answer.body if coding is None else gzip.decompress(answer.body)


def test_a_proxy_that_packs_too_packs_nothing_twice(packing_site: Site) -> None:
    data = torrent(50_000)
    assert upload(packing_site, data).status == 200
    answer = packing_site.ask(path(data), "Accept-Encoding: gzip")
    assert unpacked(answer) == data
    assert "accept-encoding" in answer.headers["vary"].lower()
    tag = answer.headers["etag"]
    assert packing_site.ask(path(data), "Accept-Encoding: gzip", f"If-None-Match: {tag}").status == 304
    assert packing_site.ask(path(data)).body == data
    assert b"<html" in unpacked(packing_site.ask("/", "Accept-Encoding: gzip"))


def test_announces_through_a_proxy_that_packs_can_be_read(packing_site: Site) -> None:
    infohash = next(infohashes())
    assert seen(packing_site.ask(announce_path(infohash))) == CLIENT
    packed = packing_site.ask(announce_path(infohash), "Accept-Encoding: gzip")
    assert b"11:external ip4:" in unpacked(packed)

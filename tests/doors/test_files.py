import asyncio
import contextlib
import io
import os
import shutil
import socket
import stat
import subprocess
import threading
import zipfile
from dataclasses import dataclass, field, replace
from email.message import Message
from urllib.parse import unquote

import httpx
import pytest
import uvicorn
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette

from bittorrent.infohash import InfoHash
from doors.connection_guard import ConnectionGuard, guarded_protocol
from doors.files import isolate_files_host, link_url, routes
from doors.http_headers import file_attachment
from doors.security_headers import SecurityHeaders
from doors.transfers import Transfers
from downloads.links import TORRENT, ZIP, DownloadLinks
from tests.support.clients import PATIENCE, Http
from tests.support.clock import Clock
from tests.support.held_downloads import FINISHED, FakeAccounts, FakeDownloads

KEY = bytes(range(32))
HOUR = 3600
BYTES = bytes(range(256)) * 40
LOCKED = {
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "private, no-store",
}


@dataclass
class FakeServices:
    downloads: FakeDownloads
    transfers: Transfers = field(default_factory=lambda: Transfers(8, 4))
    files_url: str | None = None
    clock: Clock = field(default_factory=lambda: Clock(FINISHED))
    accounts: FakeAccounts = field(default_factory=FakeAccounts)

    def __post_init__(self):
        self.links = DownloadLinks(KEY, HOUR, self.clock)


@dataclass
class Service:
    services: FakeServices
    port: int
    client: httpx.Client

    def get(self, job, what=0, method="GET", **headers):
        return self.ask(self.services.links.make(job, what), method, **headers)

    def ask(self, opaque, method="GET", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, f"/dld/{opaque}", headers=named)

    def settled(self):
        """Wait until every transfer is counted out and every file closed."""
        ended = threading.Event()
        for _ in range(1000):
            if not self.services.transfers.open and not any(map(is_open, self.services.downloads.opened)):
                return True
            ended.wait(0.01)
        return False


def is_open(descriptor):
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False


@contextlib.contextmanager
def serving(services, public_url=None, *, patience=PATIENCE):
    app = isolate_files_host(
        SecurityHeaders(Starlette(routes=routes(services))), services.files_url, public_url
    )
    guard = ConnectionGuard(PATIENCE, patience, 100, 0, [], lambda: b"")
    config = uvicorn.Config(app, http=guarded_protocol(guard), ws="none", log_config=None, lifespan="off")
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    port = listener.getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            yield Service(services, port, client)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def services(tmp_path):
    return FakeServices(FakeDownloads(tmp_path))


@pytest.fixture
def service(services):
    with serving(services) as service:
        yield service
        assert service.settled()


# What is sent, and how it is kept from running


def test_a_file_comes_byte_equal_and_cannot_run(service):
    job = service.services.downloads.hold({"root/page.html": BYTES})

    answer = service.get(job)

    assert answer.status_code == 200
    assert answer.content == BYTES
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (
        answer.headers["content-disposition"]
        == "attachment; filename=\"page.html\"; filename*=UTF-8''page.html"
    )
    assert answer.headers["content-length"] == str(len(BYTES))
    assert answer.headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert {name: answer.headers[name] for name in LOCKED} == LOCKED


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("film.MKV", "video/x-matroska"),
        ("song.mp3", "audio/mpeg"),
        *(
            (name, "application/octet-stream")
            for name in ("x.svg", "x.js", "x.pdf", "x.xml", "x.htm", "x.mkv ", "mkv")
        ),
    ],
)
def test_only_media_that_cannot_run_is_named(service, name, media):
    job = service.services.downloads.hold({f"root/{name}": b"x"})

    assert service.get(job).headers["content-type"] == media


def test_a_file_of_many_pieces_and_an_empty_one(service):
    large = os.urandom(3 << 20)
    job = service.services.downloads.hold({"a": large, "b": b""})

    assert service.get(job, 0).content == large
    assert service.get(job, 1).content == b""


def test_the_torrent_itself(service):
    job = service.services.downloads.hold({"a": BYTES}, name="näme")

    answer = service.get(job, TORRENT)

    assert answer.content == b"d4:infodee"
    assert answer.headers["content-type"] == "application/x-bittorrent"
    assert "filename*=UTF-8''n%C3%A4me.torrent" in answer.headers["content-disposition"]
    assert {name: answer.headers[name] for name in LOCKED} == LOCKED
    service.services.downloads.torrent = None
    assert service.get(job, TORRENT).status_code == 404


@pytest.mark.parametrize("what", [0, ZIP, TORRENT])
def test_head_says_what_get_says(service, what):
    job = service.services.downloads.hold({"a": BYTES})

    got, head = service.get(job, what), service.get(job, what, "HEAD")

    assert head.content == b""
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}
    assert int(head.headers["content-length"]) == len(got.content)


def test_no_other_method_is_taken(service):
    job = service.services.downloads.hold({"a": BYTES})

    assert {service.get(job, 0, method).status_code for method in ("POST", "PUT", "DELETE", "OPTIONS")} == {
        405
    }


def test_the_url_of_a_link():
    assert (
        link_url("ab.cd", "https://files.example", "https://site.example")
        == "https://files.example/dld/ab.cd"
    )
    assert link_url("ab.cd", None, "https://site.example") == "https://site.example/dld/ab.cd"


# Ranges


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=10200-", (10200, 10240)),
        ("bytes=-5", (10235, 10240)),
        ("bytes=-99999", (0, 10240)),
        ("bytes=5-99999999999999999999", (5, 10240)),
        ("BYTES = 1-2", (1, 3)),
    ],
)
def test_a_range_is_answered_alone(service, header, span):
    job = service.services.downloads.hold({"a": BYTES})

    answer = service.get(job, range=header)

    assert answer.status_code == 206
    assert answer.content == BYTES[slice(*span)]
    assert answer.headers["content-range"] == f"bytes {span[0]}-{span[1] - 1}/{len(BYTES)}"


@pytest.mark.parametrize(
    "header",
    [
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "lines=1-2",
        "bytes=0-1,5-6",
        "bytes=+1-2",
        "bytes=" + "1" * 60_000,
    ],
)
def test_what_is_no_single_range_is_answered_whole(service, header):
    job = service.services.downloads.hold({"a": BYTES})

    answer = service.get(job, range=header)

    assert (answer.status_code, answer.content) == (200, BYTES)


@pytest.mark.parametrize("header", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_behind_the_end_is_refused_with_the_size(service, header):
    job = service.services.downloads.hold({"a": BYTES})

    answer = service.get(job, range=header)

    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == "bytes */10240"
    assert {name: answer.headers[name] for name in LOCKED} == LOCKED


@given(
    st.integers(0, 400), st.one_of(st.none(), st.integers(0, 450)), st.one_of(st.none(), st.integers(0, 450))
)
def test_ranges_are_slices(size, first, last):
    from doors.ranges import RangeNotSatisfiable, requested_range

    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    data = list(range(size))
    try:
        asked = requested_range(header, size)
    except RangeNotSatisfiable:
        assert (first is None and last == 0) or (first is not None and first >= size)
        return

    if first is None and last is None:
        assert asked is None
    elif first is None:
        assert asked is None if size == 0 else data[asked.start : asked.stop] == data[-last:]
    elif last is not None and last < first:
        assert asked is None
    else:
        assert data[asked.start : asked.stop] == data[first : None if last is None else last + 1] != []


@given(st.text(max_size=60), st.integers(0, 2**63))
def test_any_range_header_is_handled(header, size):
    from doors.ranges import RangeNotSatisfiable, requested_range

    with contextlib.suppress(RangeNotSatisfiable):
        asked = requested_range(header, size)
        assert asked is None or 0 <= asked.start < asked.stop <= size


def test_a_download_resumes_by_another_link_to_the_same_content(service):
    services = service.services
    job = services.downloads.hold({"a": BYTES})
    first = service.get(job, range="bytes=0-99")
    services.clock.now += 2 * HOUR

    rest = service.get(job, range="bytes=100-", if_range=first.headers["etag"])

    assert not first.headers["etag"].startswith("W/")
    assert rest.status_code == 206
    assert first.content + rest.content == BYTES


def test_if_range_of_something_else_gets_the_whole_file(service):
    job = service.services.downloads.hold({"a": BYTES, "b": BYTES})
    etag, date = (service.get(job).headers[name] for name in ("etag", "last-modified"))

    kinds = [
        etag,
        date,
        f"W/{etag}",
        '"other"',
        service.get(job, 1).headers["etag"],
        "Mon, 13 Nov 2023 22:13:20 GMT",
    ]
    statuses = [service.get(job, range="bytes=1-2", if_range=kind).status_code for kind in kinds]

    assert statuses == [206, 206, 200, 200, 200, 200]


def test_a_condition_decides_before_a_range(service):
    job = service.services.downloads.hold({"a": BYTES})
    etag = service.get(job).headers["etag"]

    assert service.get(job, if_none_match=etag, range="bytes=1-2").status_code == 304
    assert service.get(job, if_match='"other"').status_code == 412
    assert service.get(job, if_match=etag, range="bytes=1-2").status_code == 206


# Links


def test_a_link_expires(service):
    services = service.services
    opaque = services.links.make(services.downloads.hold({"a": BYTES}), 0)
    services.clock.now += HOUR

    answer = service.ask(opaque)

    assert answer.status_code == 410
    assert {name: answer.headers[name] for name in LOCKED} == LOCKED


def test_a_link_ends_with_its_job(service):
    services = service.services
    opaque = services.links.make(services.downloads.hold({"a": BYTES}), 0)
    assert service.ask(opaque).status_code == 200

    services.downloads.held.clear()

    assert service.ask(opaque).status_code == 404


def test_a_link_of_a_disabled_or_deleted_account_is_invalid(service):
    services = service.services
    opaque = services.links.make(services.downloads.hold({"a": BYTES}), 0)

    services.accounts.users[1].enabled = False
    assert service.ask(opaque).status_code == 404
    del services.accounts.users[1]
    assert service.ask(opaque).status_code == 404


def test_a_link_reaches_nothing_of_another_account_or_of_other_content(service):
    services = service.services
    job = services.downloads.hold({"a": BYTES})
    foreign = replace(job, account=2)
    other = replace(
        job, content=replace(job.content, key=replace(job.content.key, infohash=InfoHash(bytes(20))))
    )

    assert [service.get(each).status_code for each in (job, foreign, other)] == [200, 404, 404]
    assert [service.get(job, what).status_code for what in (1, -3, 2**40)] == [404, 404, 404]


@pytest.mark.parametrize(
    "opaque", ["x", "a.b", "a" * 20_000, "%00", "%2e%2e%2f%2e%2e%2fetc", "%ff%fe", "..%2fx", "a/b"]
)
def test_anything_but_a_link_is_not_found(service, opaque):
    assert service.ask(opaque).status_code == 404


def test_a_link_forged_or_cut_off_is_not_found(service):
    services = service.services
    job = services.downloads.hold({"a": BYTES})
    opaque = services.links.make(job, 0)
    forged = DownloadLinks(bytes(32), HOUR, services.clock).make(job, 0)

    assert [service.ask(each).status_code for each in (opaque, opaque[:-1], opaque + "A", forged)] == [
        200,
        404,
        404,
        404,
    ]


def test_content_that_is_not_complete_is_not_served(service):
    downloads = service.services.downloads
    job = downloads.hold({"a": BYTES})
    downloads.change(job, complete=False)

    assert [service.get(job, what).status_code for what in (0, ZIP, TORRENT)] == [404, 404, 200]


def test_a_file_that_is_gone_a_link_or_of_another_size_is_not_found(service):
    downloads = service.services.downloads
    job = downloads.hold({"a": BYTES, "b": BYTES, "c": BYTES})
    downloads.path(job.content, 0).unlink()
    downloads.path(job.content, 1).unlink()
    downloads.path(job.content, 1).symlink_to(downloads.path(job.content, 2))
    downloads.path(job.content, 2).write_bytes(b"short")

    assert [service.get(job, index).status_code for index in range(3)] == [404, 404, 404]


# One archive


def test_a_zip_is_as_long_as_said_and_byte_equal(service, tmp_path):
    files = {
        "root/a.bin": os.urandom(700_000),
        "root/sub/ü 日本.txt": b"text",
        "root/empty": b"",
        **{f"root/many/{n}": bytes([n]) for n in range(100)},
    }
    job = service.services.downloads.hold(files, name="röot")

    answer = service.get(job, ZIP)

    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-type"] == "application/zip"
    assert "filename*=UTF-8''r%C3%B6ot.zip" in answer.headers["content-disposition"]
    assert {name: answer.headers[name] for name in LOCKED} == LOCKED
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {name: archive.read(name) for name in archive.namelist()} == files


@pytest.mark.skipif(not shutil.which("unzip"), reason="needs unzip")
def test_unzip_takes_the_zip(service, tmp_path):
    files = {"root/a": os.urandom(300_000), "root/b/c": b"c"}
    (tmp_path / "x.zip").write_bytes(service.get(service.services.downloads.hold(files), ZIP).content)

    subprocess.run(["unzip", "-q", "-d", str(tmp_path / "out"), str(tmp_path / "x.zip")], check=True)

    assert {name: (tmp_path / "out" / name).read_bytes() for name in files} == files


def test_a_range_of_a_zip_is_answered_whole(service):
    job = service.services.downloads.hold({"a": BYTES})

    answer = service.get(job, ZIP, range="bytes=0-9")

    assert answer.status_code == 200
    assert answer.headers["accept-ranges"] == "none"
    assert len(answer.content) > len(BYTES)


@pytest.mark.parametrize("harm", ["gone", "short"])
def test_a_file_that_vanishes_midway_cuts_the_connection(service, harm):
    downloads = service.services.downloads
    job = downloads.hold({"a": BYTES, "b": BYTES})
    path = downloads.path(job.content, 1)
    path.unlink() if harm == "gone" else path.write_bytes(b"")

    with pytest.raises(httpx.RemoteProtocolError):
        service.get(job, ZIP)

    assert service.settled()


# Transfers


@contextlib.contextmanager
def begun(service, job, what=0):
    """A transfer of which the client has read the head and then reads no more."""
    with Http(service.port) as connection:
        path = f"/dld/{service.services.links.make(job, what)}"
        connection.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert connection._reader.readline() == b"HTTP/1.1 200 OK\r\n"
        yield connection


@pytest.fixture
def large(tmp_path):
    """A file that no socket buffer holds."""

    def hold(downloads, account=1):
        job = downloads.hold({"large": b""}, account=account)
        os.truncate(downloads.path(job.content, 0), 256 << 20)
        files = (replace(job.content.files[0], size=256 << 20),)
        downloads.change(job, files=files)
        return downloads.held[job.id]

    return hold


def test_transfers_are_bounded_per_account_and_overall(services, large):
    services.transfers = Transfers(3, 2)
    with serving(services) as service:
        mine, theirs = (large(services.downloads, account) for account in (1, 2))
        with begun(service, mine), begun(service, mine):
            refused = service.get(mine)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
            assert service.get(mine, 0, "HEAD").status_code == 200
            with begun(service, theirs):
                assert service.get(theirs).status_code == 503
        assert service.settled()
        assert service.get(mine, range="bytes=0-9").content == bytes(10)


def test_a_transfer_that_began_is_not_cut_by_the_end_of_its_link(services, large):
    with serving(services) as service:
        job = large(services.downloads)
        with begun(service, job) as connection:
            services.clock.now += 2 * HOUR
            assert service.get(job).status_code == 200
            while connection._reader.readline() != b"\r\n":
                continue
            assert sum(len(connection._reader.read(1 << 20)) for _ in range(256)) == 256 << 20
        assert service.settled()


def test_a_client_that_does_not_read_is_disconnected(services, large):
    with serving(services, patience=0.2) as service:
        job = large(services.downloads)
        with begun(service, job):
            assert service.settled()


@pytest.mark.parametrize("what", [0, ZIP])
def test_a_client_that_disconnects_leaves_nothing_open(services, large, what):
    with serving(services) as service:
        job = large(services.downloads)
        for _ in range(10):
            with begun(service, job, what):
                assert service.services.transfers.open == 1
            assert service.settled()
        assert len(services.downloads.opened) == 10


# A host of its own


def asked(service, host, path):
    return service.client.get(path, headers={"host": host}).status_code


def test_the_host_of_files_serves_files_and_no_other_host_does(services):
    services.files_url = "https://Files.example"
    job = services.downloads.hold({"a": BYTES})
    path = f"/dld/{services.links.make(job, 0)}"
    with serving(services, "https://site.example") as service:
        hosts = [
            "files.example",
            "FILES.example:443",
            "files.example.",
            "site.example",
            "files.example.evil",
            "",
        ]
        assert [asked(service, host, path) for host in hosts] == [200, 200, 200, 404, 404, 404]


async def test_the_host_of_files_answers_nothing_else():
    async def elsewhere(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def status(app, host, path="/"):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{host}") as client:
            return (await client.get(path)).status_code

    app = isolate_files_host(elsewhere, "https://files.example", "https://site.example")

    assert [await status(app, host) for host in ("files.example", "site.example")] == [404, 204]
    assert await status(app, "files.example", "/dld/x") == 204
    assert isolate_files_host(elsewhere, None, "https://site.example") is elsewhere
    assert isolate_files_host(elsewhere, "https://site.example", "https://site.example") is elsewhere


# Names


@given(st.text(max_size=400))
@example("a\uff02; filename=evil.exe; x=\uff02b.mkv")
@example('a"\r\nSet-Cookie: x=y\r\n\r\n<script>.html')
@example("\u202egpj.exe")
@example("日本" * 300 + ".mkv")
@example("..")
@example("\ud800.mp4")
def test_any_name_makes_one_header_that_reads_back(name):
    header = file_attachment(f"root/{name}")
    message = Message()
    message["Content-Disposition"] = header

    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert len(header) < 4000
    assert message.get_content_disposition() == "attachment"
    saved = unquote(header.partition("UTF-8''")[2], errors="strict")
    assert not set(saved) & set('/\\:*?"<>|%\r\n\0\u202e')
    assert saved.strip(" .") != ""


def test_a_long_name_keeps_its_ending():
    assert file_attachment("root/" + "a" * 400 + ".mkv").endswith("aaa.mkv")
    assert file_attachment("root/" + "a" * 400 + "." + "b" * 300).count("b") == 0

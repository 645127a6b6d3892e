"""What the doors that take a .torrent answer to what is none; the service is well after each."""

import base64
import bz2
import gzip
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import bencodepy
import pytest

from bittorrent.refusal import REASONS
from tests.support import raw_torrents
from tests.support.clients import Answer, announce_path, ask, healthy, multipart, upload
from tests.support.processes import PeerageProcess

LIMIT = 10 * 2**20
GROWTH = 128 * 2**20


@pytest.fixture(scope="module")
def peerage_settings() -> Mapping[str, object]:
    return {"cache__upload_rate": "10000/minute"}


@pytest.fixture(autouse=True)
def still_well(peerage_server: PeerageProcess) -> Iterator[None]:
    yield
    assert healthy(peerage_server.port)


@pytest.fixture
def port(peerage_server: PeerageProcess) -> int:
    return peerage_server.port


def soap(port: int, text: str) -> Answer:
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        '<x:cacheTorrent xmlns:x="urn:xmethods-delayed-quotes">'
        f"<torrent>{escape(text)}</torrent></x:cacheTorrent></e:Body></e:Envelope>"
    )
    return ask(port, "/api/index.php", "POST", body.encode(), content_type="text/xml; charset=utf-8")


def result(answer: Answer) -> str:
    found = re.search(rb"<(?:\w+:)?Result[^>]*>([^<]*)<", answer.body)
    assert answer.status == 200, answer.body
    assert found is not None, answer.body
    return str(found.group(1), "ascii")


def memory(service: PeerageProcess) -> int:
    """The most bytes that the process has held so far."""
    assert service.process is not None
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found.group(1)) * 1024


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    block = bytes(2**20)
    return b"".join([*(packer.compress(block) for _ in range(size // len(block))), packer.flush()])


def twice() -> bytes:
    one = bencodepy.encode(raw_torrents.info())
    return b"d4:info" + one + b"4:info" + one + b"e"


def unsorted() -> bytes:
    return b"d4:infod12:piece lengthi16384e6:pieces20:" + os.urandom(20) + b"4:name1:x6:lengthi16384ee1:ai1ee"


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "411"),
    "junk": (lambda: b"this is no torrent", "400"),
    "html": (lambda: b"<!doctype html><title>Sign in</title>", "400"),
    "truncated": (lambda: raw_torrents.torrent()[:-10], "400"),
    "one byte": (lambda: b"d", "400"),
    "trailing": (lambda: raw_torrents.torrent() + b"x", "400"),
    "50 MB": (lambda: b"d4:info52428800:" + bytes(52_428_800) + b"e", "413"),
    "just over the limit": (lambda: raw_torrents.torrent(raw_torrents.info(pieces=bytes(LIMIT))), "413"),
    "lists nested 100,000 deep": (lambda: b"d4:info" + b"l" * 100_000 + b"e" * 100_000 + b"e", "400"),
    "dictionaries nested 100,000 deep": (lambda: b"d1:a" * 100_000 + b"0:" + b"e" * 100_000, "400"),
    "nested without end": (lambda: b"l" * 100_000, "400"),
    "gzip bomb": (lambda: bomb(500 * 2**20), "413"),
    "bzip2 bomb": (lambda: bz2.compress(bytes(50 * 2**20)), "413"),
    "damaged gzip": (lambda: gzip.compress(raw_torrents.torrent())[:-12], "400"),
    "gzip of nothing": (lambda: gzip.compress(b""), "411"),
    "integer keys": (lambda: b"d4:infodi1ei2eee", "400"),
    "length of 40 digits": (lambda: b"d" + b"9" * 40 + b":infoe", "400"),
    "integer of 1 MB": (lambda: b"d4:infoi" + b"9" * 1_000_000 + b"ee", "400"),
    "info twice": (twice, "422"),
    "no info": (lambda: b"d8:announce1:xe", "422"),
    "info is a list": (lambda: b"d4:infolee", "422"),
    "a list": (lambda: b"le", "422"),
    "a way out of the folder": (
        lambda: raw_torrents.torrent({**raw_torrents.info(), b"name": b"../../etc/passwd"}), "422",
    ),
    "a negative length": (lambda: raw_torrents.torrent(raw_torrents.info(length=-1)), "422"),
    "a length beyond 64 bits": (lambda: raw_torrents.torrent(raw_torrents.info(length=2**63)), "422"),
    "too few pieces": (lambda: raw_torrents.torrent(raw_torrents.info(length=2**30)), "422"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_autoupload_refuses_by_number(peerage_server: PeerageProcess, case: str) -> None:
    make, number = CASES[case]
    data = make()
    before = memory(peerage_server)
    answer = upload(peerage_server.port, data)
    assert answer.status == 200
    assert answer.body.startswith(f"Error {number}: ".encode()), answer.body[:200]
    assert answer.body.endswith(b"\n")
    assert "x-torrage-infohash" not in answer.headers
    assert answer.headers["x-torrage-error-msg"]
    assert memory(peerage_server) - before < GROWTH


@pytest.mark.parametrize("case", [name for name in CASES if name not in {"50 MB", "just over the limit"}])
def test_soap_answers_the_bare_number(port: int, case: str) -> None:
    make, number = CASES[case]
    assert result(soap(port, base64.b64encode(make()).decode())) == number


def test_soap_answers_413_to_what_is_too_large(port: int) -> None:
    answer = soap(port, base64.b64encode(bytes(LIMIT + 1)).decode())
    assert answer.status == 413 or result(answer) == "413"


@pytest.mark.parametrize("text", ["!!!", "ZDQ6aW5mb2xlZQ", "ZDQ6 aW5 mb2xlZQ=!", "ä", "===="])
def test_base64_that_is_none_is_400(port: int, text: str) -> None:
    assert result(soap(port, text)) == "400"


@pytest.mark.parametrize(
    "body",
    [
        b"not xml",
        b"<half",
        b"\x00\x01\x02",
        b"<a/>",
        b"<a>" * 100_000,
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<ä>".encode("utf-16"),
        b'{"json": true}',
    ],
)
def test_xml_that_is_no_soap_is_a_fault(port: int, body: bytes) -> None:
    answer = ask(port, "/api/index.php", "POST", body, content_type="text/xml")
    assert answer.status == 500
    assert answer.headers["content-type"].startswith("text/xml")
    assert b"Fault" in answer.body
    assert b"Client" in answer.body


def test_unsorted_keys_are_taken_and_kept(port: int) -> None:
    data = unsorted()
    answer = upload(port, data)
    assert re.fullmatch(rb"[0-9A-F]{40}\n", answer.body), answer.body
    assert ask(port, f"/torrent/{answer.body[:40].decode()}.torrent").body == data


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_compressed_torrent_is_taken(port: int, pack: Callable[[bytes], bytes]) -> None:
    data = raw_torrents.torrent()
    assert upload(port, pack(data)).body == raw_torrents.infohash(data).hex().upper().encode() + b"\n"


def test_a_blocked_torrent_is_refused_with_its_reason_and_gone(peerage_server: PeerageProcess) -> None:
    port, data = peerage_server.port, raw_torrents.torrent()
    infohash = raw_torrents.infohash(data)
    name = infohash.hex().upper()
    assert upload(port, data).body == f"{name}\n".encode()
    assert (done := peerage_server.run("block", name, "--reason", "copied without leave")).returncode == 0, (
        done
    )
    answer = upload(port, data)
    assert answer.body.startswith(b"Error 451: ")
    assert b"copied without leave" in answer.body
    assert ask(port, f"/torrent/{name}.torrent").status == 404
    assert result(soap(port, base64.b64encode(data).decode())) == "451"


def test_a_form_without_a_file_is_411(port: int) -> None:
    body, kind = multipart(raw_torrents.torrent(), field="other")
    assert ask(port, "/autoupload.php", "POST", body, content_type=kind).body.startswith(b"Error 411: ")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"nothing of the kind"),
        ("multipart/form-data; boundary=" + "b" * 1000, b"--b\r\n\r\n"),
        ("application/x-www-form-urlencoded", b"torrent=x"),
        ("application/x-bittorrent", b"de"),
    ],
)
def test_what_is_no_form_is_an_error_in_the_body(port: int, kind: str, body: bytes) -> None:
    answer = ask(port, "/autoupload.php", "POST", body, content_type=kind)
    assert answer.status == 200
    assert re.match(rb"Error (400|411): ", answer.body), answer.body


def test_a_blocked_torrent_is_refused_by_the_tracker(peerage_server: PeerageProcess) -> None:
    infohash = os.urandom(20)
    peerage_server.run("block", infohash.hex(), "--reason", "no")
    told = f"{REASONS['denied'].sentence}: no"
    assert ask(peerage_server.port, announce_path(infohash)).failure == told
    assert peerage_server.run("unblock", infohash.hex()).returncode == 0
    assert b"peers" in ask(peerage_server.port, announce_path(infohash)).bencoded

"""What the C reads of a request is what the Python beside it reads, property by property."""

import re
from typing import Any

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bittorrent.passkey import read_path
from bittorrent.peers import parse_address
from bittorrent.query import read_announce, read_scrape
from bittorrent.refusal import Refusal
from doors.http_headers import accepts_gzip, etag_matches
from doors.root_path import below

native = pytest.importorskip("tracker._native")

PARTIAL, ELSEWHERE, ANNOUNCE, SCRAPE, FILE = range(5)
HEADER = b"x-forwarded-for"

HASH = b"info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A"
PEER = b"&peer_id=-XX0001-abcdefghijkl"

words = st.sampled_from(
    [
        b"info_hash", b"peer_id", b"port", b"left", b"event", b"numwant", b"compact", b"uploaded", b"downloaded", b"x", b"",
        b"=", b"&", b"%", b"%4", b"%zz", b"%00", b"%2B", b"+", b"0", b"1", b"6881", b"65536", b"-1", b"started",
        b"stopped", b"completed", b"paused", b"a" * 20, b"b" * 32, b"c" * 40, b"%41" * 20, b"d" * 64, b"9" * 19,
        b"9" * 18, b"info_hash=", HASH, PEER, b"&port=6881", b"\r", b"\n", b"\xff", b"&info_hash=" + b"e" * 20,
    ]
)  # fmt: skip
jumbles = st.lists(words, max_size=12).map(b"".join)
tails = st.one_of(
    jumbles,
    st.dictionaries(
        st.sampled_from(
            [
                b"uploaded",
                b"downloaded",
                b"port",
                b"left",
                b"event",
                b"numwant",
                b"compact",
                b"peer_id",
                b"info_hash",
            ]
        ),
        st.one_of(words, st.integers(-2, 70_000).map(lambda number: b"%d" % number)),
        max_size=7,
    ).map(lambda pairs: b"".join(b"&%b=%b" % pair for pair in pairs.items())),
)
queries = st.one_of(jumbles, tails.map(lambda tail: HASH + PEER + b"&port=1" + tail), st.binary(max_size=60))


def expected_announce(query: bytes) -> Any:
    try:
        read = read_announce(query)
    except Refusal as refusal:
        return native.REFUSALS.index(refusal.code)
    values = bytes(read.infohash), read.port, int(read.event), read.left == 0, read.numwant, read.compact
    return (*values, read.uploaded, read.downloaded, read.peer_id)


def expected_scrape(query: bytes) -> Any:
    try:
        return b"".join(sorted(read_scrape(query)))
    except Refusal as refusal:
        return native.REFUSALS.index(refusal.code)


@settings(max_examples=1000)
@given(queries)
@example(b"")
@example(b"x" * 4097)
@example(HASH + PEER + b"&port=0&event=stopped")
@example(HASH + PEER + b"&port=1&left=%d" % 2**63)
@example(HASH + PEER + b"&port=1&numwant=0000000000000000001")
def test_announces_are_read_alike(query: bytes) -> None:
    assert native.read_announce(query) == expected_announce(query)


@settings(max_examples=500)
@given(st.one_of(queries, st.lists(st.binary(min_size=19, max_size=21), max_size=90).map(
    lambda hashes: b"&".join(b"info_hash=" + each for each in hashes))))  # fmt: skip
@example(
    b"&".join(b"info_hash=" + bytes([n]) * 20 for n in range(40, 126) if n not in b"%&") + b"&info_hash=x"
)
@example(b"x" * 8193)
def test_scrapes_are_read_alike(query: bytes) -> None:
    assert native.read_scrape(query) == expected_scrape(query)


digits = st.sampled_from(["0", "1", "9", "10", "255", "256", "01", "f", "ffff", "12345", "abcd", ""])
marks = st.sampled_from([":", "::", ".", "[", "]", "%", "%eth0", " ", "\t", "/", "1.2.3.4", ":80", "]:80"])
addresses = st.one_of(
    st.lists(st.one_of(digits, marks), max_size=17).map("".join),
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda ip: f"[{ip}]:6881"),
    st.ip_addresses(v=4).map(lambda ip: f"::ffff:{ip}"),
    st.ip_addresses(v=6).map(lambda ip: ip.exploded),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)


@settings(max_examples=2000)
@given(addresses)
@example("1" * 129)
@example(" 1.2.3.4:1 ")
@example("1:2:3:4:5:6:7::")
@example("::1.2.3.04")
def test_addresses_are_read_alike(text: str) -> None:
    try:
        wanted = parse_address(text)
    except ValueError:
        wanted = None
    assert native.parse_address(text.encode()) == wanted


class Heard:
    """Everything that httptools makes of a request."""

    def __init__(self, data: bytes) -> None:
        self.urls: list[bytes] = [b""]
        self.complete: list[tuple[str, bool, bool]] = []
        self.bodies = b""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.urls[-1] += url

    def on_body(self, body: bytes) -> None:
        self.bodies += body

    def on_headers_complete(self) -> None:
        parser = self.parser
        self.complete.append((parser.get_http_version(), parser.should_keep_alive(), parser.should_upgrade()))

    def on_message_complete(self) -> None:
        self.urls.append(b"")


starts = st.sampled_from([b"GET ", b"GET  ", b"get ", b"POST ", b"HEAD ", b"", b"\r\nGET ", b"GET\t"])
paths = st.sampled_from(
    [
        b"/announce",
        b"/scrape",
        b"/announce/",
        b"/announcer",
        b"/%61nnounce",
        b"http://x/scrape",
        b"/announce/a/b",
    ]
)
passkeys = st.one_of(
    st.sampled_from(
        [b"announce", b"scrape", b"announce-1", b"a" * 64, b"a" * 65, b"k", b"", b"%61", b"a.b", b"-_9Z"]
    ),
    st.from_regex(rb"[A-Za-z0-9_-]{1,66}", fullmatch=True),
)
keyed_paths = st.builds(
    lambda action, key, first: b"/%b/%b" % ((action, key) if first else (key, action)),
    st.sampled_from([b"announce", b"scrape", b"announcer"]),
    passkeys,
    st.booleans(),
)
versions = st.sampled_from(
    [b" HTTP/1.1", b" HTTP/1.0", b" HTTP/1.2", b" HTTP/2.0", b" http/1.1", b"", b"  HTTP/1.1", b" HTTP/1.1 "]
)
ends = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\r\n", b"\n\r\n"])
raw = st.one_of(st.binary(max_size=6), st.text(max_size=4).map(str.encode), words)
names = st.sampled_from(
    [b"Host", b"Connection", b"Content-Length", b"Transfer-Encoding", b"Upgrade", b"Expect", b"Proxy-Connection",
     b"X-Forwarded-For", b"User-Agent", b"", b" a", b"a ", b"a\x00", b"a(b", b"Keep-Alive", b"#a", b"a\x80"]
)  # fmt: skip
values = st.one_of(
    st.sampled_from(
        [b"close", b"keep-alive", b" Close ", b"Keep-Alive, close", b"upgrade", b"0", b"5", b"chunked", b"x",
         b"", b"\ta b\t", b"x\r\n y", b"websocket", b"x\ry", b"a\x00b", b"\x7f", b"h2c", b",close", b"close,"]
    ),
    raw,
)  # fmt: skip
headers = st.builds(
    lambda name, gap, value, end: name + b":" + gap + value + end,
    names,
    st.sampled_from([b"", b" "]),
    values,
    ends,
)
requests = st.builds(
    lambda start, path, mark, query, version, end, lines, last: start + path + mark + query + version + end + b"".join(lines) + last,
    st.one_of(st.just(b"GET "), starts),
    st.one_of(st.sampled_from([b"/announce", b"/scrape"]), paths, keyed_paths),
    st.sampled_from([b"?", b"?", b"", b"#", b"/?"]),
    st.one_of(st.just(HASH + PEER), queries, raw),
    st.one_of(st.just(b" HTTP/1.1"), versions),
    ends,
    st.lists(st.one_of(headers, st.just(b"Host: x\r\n")), max_size=4),
    st.one_of(st.just(b"\r\n"), ends),
)  # fmt: skip


@settings(max_examples=4000)
@given(requests)
def test_a_head_that_is_taken_is_read_as_httptools_reads_it(data: bytes) -> None:
    read = native.read_head(data, HEADER)
    if read[0] in (PARTIAL, ELSEWHERE, FILE):
        return
    kind, length, query, passkey, close = read
    heard = Heard(data[:length])
    [(version, keep_alive, upgrade)] = heard.complete
    url = httptools.parse_url(heard.urls[0])
    found = read_path(url.path)
    action = found.action if found is not None else url.path[1:].decode()
    assert (action, url.query or b"") == ((None, None, "announce", "scrape")[kind], query)
    assert passkey == (found.passkey if found is not None else b"")
    assert close == (version == "1.0" or not keep_alive)
    assert not upgrade
    assert not heard.bodies
    assert len(heard.urls) == 2, "the request ends with its head"


@settings(max_examples=2000)
@given(
    st.one_of(
        keyed_paths,
        paths,
        st.binary(max_size=90),
        st.lists(st.one_of(st.just(b"/"), passkeys), max_size=5).map(b"".join),
    )
)
@example(b"/announce/announce")
@example(b"/announce/scrape")
@example(b"/scrape/scrape/scrape")
def test_the_passkey_in_a_path_is_read_alike(path: bytes) -> None:
    found = read_path(path)
    assert native.path_passkey(path) == (found.passkey if found is not None else None)
    kind, *read = native.read_head(b"GET %b?x HTTP/1.1\r\n\r\n" % path, HEADER)
    if found is not None:
        assert ("announce", "scrape")[kind - ANNOUNCE] == found.action
        assert read[2] == found.passkey
    elif kind in (ANNOUNCE, SCRAPE):
        assert path in (b"/announce", b"/scrape") or b"?" in path


@settings(max_examples=2000)
@given(
    st.sampled_from([b"/p", b"/ann", b"/announce2", b"/scrape-x/y", b"/key/announce", b"/a.b"]),
    st.sampled_from([0, 0, 1, 1, 1, 2]),
    st.one_of(keyed_paths, paths),
)
def test_a_root_in_front_of_a_path_is_as_if_it_were_not_there(root: bytes, times: int, path: bytes) -> None:
    path = root * times + path
    whole = b"GET %b?x HTTP/1.1\r\n\r\n" % path
    kind, length, *read = native.read_head(whole, HEADER, 0, root)
    plain = native.read_head(b"GET %b?x HTTP/1.1\r\n\r\n" % below(path, root), HEADER)
    assert (kind, *read) == (plain[0], *plain[2:])
    if kind in (ANNOUNCE, SCRAPE):
        assert length == len(whole)
        cuts = {native.read_head(whole[:end], HEADER, 0, root)[0] for end in range(len(whole))}
        assert cuts == {PARTIAL}
    assert native.path_passkey(path, root) == native.path_passkey(below(path, root))


@pytest.mark.parametrize("byte", range(256))
@pytest.mark.parametrize(
    "where", [b"GET /announce?%bx HTTP/1.1\r\n\r\n", b"GET /scrape?a=1%b HTTP/1.1\r\n\r\n"]
)
def test_every_raw_byte_of_a_request_line(byte: int, where: bytes) -> None:
    data = where % bytes([byte])
    try:
        heard = Heard(data)
        query = httptools.parse_url(heard.urls[0]).query if heard.complete else None
    except httptools.HttpParserError:
        query = None
    read = native.read_head(data, HEADER)
    if query is None:
        assert read[0] == ELSEWHERE
    elif byte not in b"# ":
        assert read[2] == query


@pytest.mark.parametrize(
    "head",
    [
        b"GET /announce HTTP/1.1\r\n\r\n",
        b"GET /scrape HTTP/1.0\r\n\r\n",
        b"GET /announce/k-1_A?x HTTP/1.1\r\n\r\n",
        b"GET /scrape-announce/announce HTTP/1.1\r\n\r\n",
        b"GET /" + b"k" * 64 + b"/announce?x HTTP/1.1\r\n\r\n",
        b"GET /announce? HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\nUser-Agent: a(b)\xff\r\n\r\n",
        b"GET /announce?"
        + HASH
        + PEER
        + b" HTTP/1.1\r\nHost:x\r\nAccept-Encoding: gzip\r\nConnection:close\r\n\r\n",
    ],
)
def test_what_clients_send_is_taken_whole_and_piecemeal(head: bytes) -> None:
    assert native.read_head(head + b"GET /", HEADER)[:2] == (
        ANNOUNCE if b"announce" in head else SCRAPE,
        len(head),
    )
    seen = 0
    for end in range(len(head)):
        kind, seen = native.read_head(head[:end], HEADER, seen)
        assert kind == PARTIAL
    assert native.read_head(head, HEADER, seen)[0] in (ANNOUNCE, SCRAPE)


def test_a_head_without_end_goes_elsewhere() -> None:
    endless = b"GET /announce?" + b"x" * 16384
    assert native.read_head(endless[:16383], HEADER)[0] == PARTIAL
    assert native.read_head(endless, HEADER)[0] == ELSEWHERE


codings = st.sampled_from(["gzip", "x-gzip", "GZIP", "identity", "*", "br", "", "gzi p"])
parameters = st.sampled_from(
    [
        "", ";", ";q=0", ";q=1", ";q=0.5", ";q=0.500", ";q=0.0000", ";q=1.001", ";q=1.000", ";q=.5", ";q=0.", ";q= 0.25 ", ";q",
        ";Q=0.1", ";q=-1", ";q=2", ";x=1;q=0.5", ";q=0.5;x", ";q=0.a", "; q =0.75", ";q==1",
    ]
)  # fmt: skip
accepted = st.lists(
    st.tuples(codings, parameters, st.sampled_from(["", " ", "\t"])).map("".join), max_size=6
).map(",".join)


@settings(max_examples=1000)
@given(st.one_of(accepted, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)))
@example("gzip;q=0.999, identity;q=1")
@example("gzip, gzip;q=0")
def test_accept_encoding_is_read_alike(value: str) -> None:
    assert native.accepts_gzip(value.encode()) == accepts_gzip(value)


ETAG = '"ab12-gzip"'
tags = st.lists(
    st.sampled_from([ETAG, ETAG[1:], ETAG[:-1], '"', '""', ",", " ", "*", "W/", "ab12-gzip", '"x"', "x"]),
    max_size=7,
).map("".join)


@settings(max_examples=1000)
@given(tags)
@example("*")
@example(" *\t")
def test_if_none_match_is_read_alike(value: str) -> None:
    assert native.etag_matches(value.strip().encode(), ETAG.encode()) == etag_matches(value, ETAG)


targets = st.tuples(
    st.sampled_from([b"/torrent/", b"/torrents/", b"/Torrent/", b"torrent/", b"/torrent//", b"/"]),
    st.one_of(
        st.binary(min_size=20, max_size=20).map(lambda raw: raw.hex().encode()),
        st.binary(min_size=20, max_size=20).map(lambda raw: raw.hex().upper().encode()),
        st.sampled_from([b"", b"a" * 39, b"g" * 40, b"announce", b"scrape"]),
    ),
    st.sampled_from([b"", b".torrent", b"/", b"?", b"?wait=1", b"%41", b"#x", b"/../..", b"[x]", b"\x7f", b"\x80", b" x", b"/announce"]),
).map(b"".join)  # fmt: skip
file_headers = st.lists(
    st.sampled_from(
        [
            b"Host: x", b"Accept-Encoding: gzip", b"accept-encoding:identity", b"If-None-Match: *", b'If-None-Match: "x"',
            b"Cookie: a=b", b"Authorization: x", b"Content-Length: 0", b"Content-Length: 1", b"Connection: close",
            b"Connection: keep-alive", b"Connection: x", b"Range: bytes=0-1", b"Upgrade: x", b"Transfer-Encoding: chunked",
            b"Accept-Encoding: \xff", b" folded", b"X : y", b"",
        ]
    ),
    max_size=5,
)  # fmt: skip


@settings(max_examples=1500)
@given(
    st.sampled_from([b"GET", b"HEAD", b"POST", b"get"]),
    targets,
    st.sampled_from([b"1.0", b"1.1", b"1.2", b"2.0"]),
    file_headers,
)
def test_a_request_for_a_file_is_read_as_httptools_reads_it(
    method: bytes, target: bytes, version: bytes, headers: list[bytes]
) -> None:
    data = b"\r\n".join([method + b" " + target + b" HTTP/" + version, *headers, b"", b""])
    headers = headers[: [*headers, b""].index(b"")]
    read = native.read_head(data, HEADER)
    for cut in (3, 12, len(data) // 2, len(data) - 1):
        part = native.read_head(data[:cut], HEADER)
        if part[0] == PARTIAL:
            assert native.read_head(data, HEADER, part[1]) == read
        else:
            assert read[0] in (ELSEWHERE, part[0])
    if read[0] != FILE:
        return
    _, length, infohash, head_only, lower, close, gzip, condition = read
    heard = Heard(data[:length])
    [(of, keep_alive, upgrade)] = heard.complete
    path = httptools.parse_url(heard.urls[0]).path
    found = re.match(rb"/torrent/([0-9A-Fa-f]{40})", path)
    assert found is not None
    assert path == target
    assert infohash == bytes.fromhex(found[1].decode())
    assert lower == (found[1] != found[1].upper())
    assert head_only == (heard.parser.get_method() == b"HEAD")
    assert close == (of == "1.0" or not keep_alive)
    assert not upgrade
    assert not heard.bodies
    assert len(heard.urls) == 2
    values = [
        each.partition(b":")[2].strip().decode() for each in headers if each.lower().startswith(b"accept-enc")
    ]
    assert gzip == accepts_gzip(",".join(values))
    assert condition == b"".join(each[15:] for each in headers if each.startswith(b"If-None-Match: "))
    assert not {b"Cookie: a=b", b"Authorization: x"}.intersection(headers)

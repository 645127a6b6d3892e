"""Fuzz targets of HTTP requests: heads, headers, bodies, SOAP, and the parameters of every dialect."""

import contextlib
import json
from collections.abc import Coroutine
from functools import cache
from html import unescape
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qsl

import httptools
from fido2.utils import websafe_encode
from lxml import etree
from starlette.datastructures import ImmutableMultiDict, QueryParams
from starlette.requests import Request

from accounts.relying_party import RelyingParty
from actions import mirroring
from bittorrent.passkey import read_path
from bittorrent.refusal import Refusal
from catalogue.fields import validate
from catalogue.history import HistoryPosition
from catalogue.query import SearchQuery
from catalogue.search import Search
from doors import torrent_api
from doors.bodies import (
    MAX_JSON_DEPTH,
    MULTIPART,
    URLENCODED,
    Body,
    Form,
    FormRules,
    parse_json,
    read_form,
    unwrap_json,
)
from doors.client_address import ClientAddress
from doors.feeds import torznab_query
from doors.feeds.items import ITEMS
from doors.feeds.torznab_errors import INCORRECT, TorznabError
from doors.gazelle import browse_query
from doors.gazelle.envelope import GazelleFailure
from doors.gazelle.parameters import LAST_PAGE, GazelleParameters
from doors.http_headers import accepts_gzip, attachment, etag_matches, file_attachment
from doors.qbittorrent.adding import share_limits
from doors.qbittorrent.parameters import QbittorrentParameters
from doors.ranges import RangeNotSatisfiable, requested_range
from doors.rest import request_fields
from doors.rest.field_types import MAX_PER_PAGE
from doors.rest.parameters import parse_id_or_infohash, read_query
from doors.torbox.bodies import number_in
from doors.torbox.error_codes import TorboxError
from doors.torbox.parameters import TorboxParameters
from downloads.job_labelling import require_labels
from downloads.model import JobLabels
from soap.envelope import MAX_DEPTH, MAX_ELEMENTS, checked_utf8
from soap.service import CacheService
from tests.fuzz.targets.target import Target, refused
from tests.fuzz.targets.texts import terms_of
from tracker import _native as native

_PARTIAL, _ELSEWHERE, _ANNOUNCE, _SCRAPE, _FILE = range(5)
_HEADER = b"x-forwarded-for"
_LARGEST = 2**63
_TRUSTED = [ip_network("127.0.0.0/8")]
_TABLES = tuple(
    table
    for name, table in sorted(vars(request_fields).items())
    if name.isupper() and isinstance(table, type(request_fields.PAGING)) and name != "CATALOGUE_NAMES"
)


def finish(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never has to wait."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    work.close()
    raise AssertionError("it waits, though everything is there")


class _Head:
    """What httptools makes of a request."""

    def __init__(self, data: bytes) -> None:
        self.url, self.complete, self.body, self.messages = b"", [], b"", 0
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_headers_complete(self) -> None:
        self.complete.append((self.parser.get_http_version(), self.parser.should_keep_alive()))

    def on_message_complete(self) -> None:
        self.messages += 1


def request_head(data: bytes) -> None:
    """A head that C answers is read by httptools in the same way, and ends where C says; splits change nothing."""
    read = native.read_head(data, _HEADER)
    half = native.read_head(data[: len(data) // 2], _HEADER)
    if half[0] == _PARTIAL:
        assert native.read_head(data, _HEADER, half[1]) == read
    if len(read) == 2:
        return
    length, close = read[1], read[5] if read[0] == _FILE else read[4]
    heard = _Head(data[:length])
    [(version, keep_alive)] = heard.complete
    assert close == (version == "1.0" or not keep_alive)
    assert (heard.body, heard.messages) == (b"", 1)
    url = httptools.parse_url(heard.url)
    if read[0] == _FILE:
        assert url.path.lower().startswith(b"/torrent/" + read[2].hex().encode())
        assert not url.query
        return
    kind, _, query, passkey, _ = read
    found = read_path(url.path)
    action = found.action if found is not None else url.path[1:].decode()
    assert (action, url.query or b"") == ((None, None, "announce", "scrape")[kind], query)
    assert passkey == (found.passkey if found is not None else b"")


def _client(header: str, lines: list[bytes]) -> bytes:
    name = header.encode()
    scope = {"client": ("127.0.0.1", 1), "headers": [(name, line) for line in lines]}
    return ClientAddress(_TRUSTED, header).of(scope)


def forwarded_header(data: bytes) -> None:
    """Whatever a client writes into the header, the address that the trusted proxy appends is the one that counts."""
    lines = data.split(b"\n")
    for header, entry in (("x-forwarded-for", b"203.0.113.7"), ("forwarded", b"for=203.0.113.7")):
        alone = refused(lambda header=header: _client(header, lines))
        assert alone == "no-address" or (isinstance(alone, bytes) and len(alone) in (4, 16))
        appended = refused(
            lambda header=header, entry=entry: _client(header, [*lines[:-1], lines[-1] + b", " + entry])
        )
        assert appended == bytes((203, 0, 113, 7)) or (header == "forwarded" and appended == "no-address")
        own_line = refused(lambda header=header, entry=entry: _client(header, [*lines, entry]))
        assert own_line == bytes((203, 0, 113, 7)) or (header == "forwarded" and own_line == "no-address")


def file_headers(data: bytes) -> None:
    """Ranges lie within the file, and a name never ends the header or the quoted string that it stands in."""
    text = data.decode("latin-1")
    size = data[0] * 7 if data else 0
    try:
        found = requested_range(text[1:], size)
    except RangeNotSatisfiable:
        found = None
    assert found is None or (0 <= found.start < found.stop <= size and found.step == 1)
    accepts_gzip(text)
    etag_matches(text, '"abc"')
    for header in (attachment(text), file_attachment(data.decode("utf-8", "replace"))):
        assert header.isascii()
        assert header.isprintable()
        assert header.count('"') == 2


def form_body(data: bytes) -> None:
    """A form is read within its bounds, in pieces as at once."""
    kind, _, body = data.partition(b"\n")
    rules = FormRules(
        max_fields=8, max_files=2, max_text=200, max_urlencoded=300, untyped=bool(kind[:1] == b"u")
    )
    media = {b"u": "", b"m": f"{MULTIPART}; boundary=b", b"f": URLENCODED}.get(
        kind[:1], kind.decode("latin-1")
    )
    whole = refused(lambda: finish(_read_form(media, [body], rules)))
    pieces = [body[at : at + 7] for at in range(0, min(len(body), 700), 7)] + [body[700:]]
    assert refused(lambda: finish(_read_form(media, pieces, rules))) == whole
    if isinstance(whole, Form):
        assert len(whole.files) <= 2
        assert len(whole.texts) <= 9
        assert sum(len(content) for _, content in whole.files) <= len(body)
        assert sum(len(name) + len(text) for name, text in whole.texts) <= len(body) + len(whole.texts)


async def _read_form(media: str, pieces: list[bytes], rules: FormRules) -> Form:
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Any:
        return messages.pop(0)

    headers = [(b"content-type", media.encode("latin-1", "replace"))] if media else []
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    async with Body(request, 2000) as body:
        return await read_form(request, body, rules)


def json_body(data: bytes) -> None:
    """An object is read as the standard library reads it, within a depth; a wrapped one is unwrapped once."""
    found = refused(lambda: parse_json(data))
    if isinstance(found, dict):
        assert found == json.loads(data)
        assert _depth(found) <= MAX_JSON_DEPTH
    unwrapped = refused(lambda: unwrap_json(data))
    assert isinstance(unwrapped, str | bytes)
    assert len(unwrapped) <= max(2 * len(data), 16)


def _depth(value: object) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(_depth, inside), default=0)


def soap_envelope(data: bytes) -> None:
    """What the scan lets through has no more depth and elements than it says, and no document type."""
    try:
        document = checked_utf8(data)
    except Refusal as refusal:
        assert refusal.code in {"bad-soap", "empty"}
        return
    document.decode()
    try:
        root = etree.fromstring(
            document, etree.XMLParser(resolve_entities=False, huge_tree=True, no_network=True)
        )
    except etree.XMLSyntaxError:
        return
    assert root.getroottree().docinfo.internalDTD is None
    assert sum(1 for _ in root.iter()) <= MAX_ELEMENTS + document.count(b"<!--")
    assert max(sum(1 for _ in each.iterancestors()) for each in root.iter()) < MAX_DEPTH


_SOAP = CacheService()


def soap_call(data: bytes) -> None:
    """A call is read or refused; its text holds no more than the body did."""
    found = refused(lambda: _SOAP.read(data))
    assert isinstance(found, str)
    assert len(found) <= max(len(unescape(data.decode("latin-1"))), 200)


def rest_query(data: bytes) -> None:
    """The fields of every table are read or refused with a sentence for each."""
    which, _, raw = data.partition(b"\n")
    table = _TABLES[(which[0] if which else 0) % len(_TABLES)]
    for read in (lambda: read_query(raw, table), lambda: validate(parse_json(raw), table)):
        try:
            values = read()
        except Refusal as refusal:
            assert refusal.code in {"invalid", "bad-request"}
            assert all(sentence.isprintable() for each in refusal.fields.values() for sentence in each)
            json.dumps(dict(refusal.fields)).encode()
            continue
        assert set(values) <= set(table)
        assert (
            not ("per_page" in values and table is request_fields.PAGING)
            or 0 < values["per_page"] <= MAX_PER_PAGE
        )
        str(values).encode()
    refused(lambda: parse_id_or_infohash(raw.decode("latin-1")))


def torbox_parameters(data: bytes) -> None:
    """Values have the type that is asked for, or are refused in the dialect's form."""
    parameters = TorboxParameters.of(parse_qsl(data.decode("latin-1"), keep_blank_values=True))
    for name in [*parameters.values][:8] or ["id"]:
        for read in (
            parameters.required,
            parameters.flag,
            parameters.number,
            lambda name: parameters.one_of(name, ("a", "b")),
        ):
            try:
                found = read(name)
            except TorboxError:
                continue
            assert not isinstance(found, int) or -_LARGEST <= found < _LARGEST
    values = refused(lambda: parse_json(unwrap_json(data.strip())))
    for name in values if isinstance(values, dict) else ():
        try:
            number = number_in(values, name)
        except TorboxError:
            continue
        assert number is None or -_LARGEST <= number < _LARGEST


def qbittorrent_parameters(data: bytes) -> None:
    """Numbers are finite and bounded, limits at least 0, and hashes infohashes; nothing is refused but what is missing."""
    pairs = parse_qsl(data.decode("latin-1"), keep_blank_values=True)
    parameters = QbittorrentParameters.of(pairs)
    for name in [*parameters.values][:8] or ["hash"]:
        number = parameters.number(name)
        assert number is None or abs(number) <= 2**53
        assert isinstance(parameters.integer(name), int)
        assert parameters.hashes(name) is None or all(
            len(each) in (20, 32) for each in parameters.hashes(name)
        )
        words = parameters.words(name, "|")
        assert len(words) == len(set(words)) <= len(data) + 1
    assert all(limit is None or limit >= 0 for limit in share_limits(parameters))
    found = refused(parameters.infohash)
    assert found in ("bad-request", "not-found") or len(found) in (20, 32)
    labels = JobLabels(parameters.text("category"), tuple(parameters.words("tags", ",")))
    if refused(lambda: require_labels(labels)) is None:
        assert not any("," in tag or "\n" in tag for tag in labels.tags)
        assert ".." not in labels.category or "\\" not in labels.category


def changes_page(data: bytes) -> None:
    """Whatever another service answers is a page within its bounds or no page, and a cursor reads as it is written."""
    try:
        page = mirroring.read_page(data)
    except mirroring.MirrorFailed:
        page = {"changes": []}
    assert len(page["changes"]) <= mirroring.PAGE
    for change in page["changes"]:
        for read in (mirroring._infohash, lambda each: mirroring._line(each.get("torrent"), "torrent")):
            with contextlib.suppress(mirroring.MirrorFailed):
                read(change)
    position = refused(lambda: HistoryPosition.parse(data.decode("latin-1")))
    assert position == "bad-request" or HistoryPosition.parse(str(position)) == position


def gazelle_browse(data: bytes) -> None:
    """Any parameters are a search of bounded size."""
    request = Request({"type": "http", "query_string": data, "headers": []})
    try:
        parameters = GazelleParameters.of(request)
    except GazelleFailure:
        return
    assert 1 <= parameters.page() <= LAST_PAGE
    browse_query.sort_order(parameters)
    parsed = browse_query.parse(parameters)
    assert len(terms_of(parsed.query)) <= 2 * len(data) + 2


def torrent_api_parameters(data: bytes) -> None:
    """A day, a country and a hash are read, or refused by the code of each."""
    pairs = ImmutableMultiDict(parse_qsl(data.decode("latin-1"), keep_blank_values=True))
    context = torrent_api._Context(None, pairs, None)  # type: ignore[arg-type]
    day = refused(lambda: torrent_api._day_of(context))
    assert day in (None, "bad-day") or day.isoformat() == pairs["day"]
    country = refused(lambda: torrent_api._country_of(context))
    assert country in (None, "bad-country") or len(country) == 2
    found = refused(
        lambda: torrent_api._parse_infohash(torrent_api._single(pairs, "infohash", "bad-infohash"))
    )
    assert found == "bad-infohash" or len(found) == 20


def torznab_search(data: bytes) -> None:
    """Any parameters are a search within the limits of every search and a page of it, or an error with a number."""
    try:
        asked = torznab_query.read(QueryParams(data.decode("latin-1")))
    except TorznabError as error:
        assert error.code == INCORRECT
        return
    assert 1 <= asked.limit <= ITEMS
    assert 0 <= asked.offset < 10**9
    assert finish(Search(_NoIndex()).torrents(asked.search_query())).query == asked.query


def device_answer(data: bytes) -> None:
    """What a device answers is taken or refused, whatever its JSON, its CBOR and its key are."""
    party, challenge = _relying_party(), "c" * 43
    text = data.decode("utf-8", "surrogateescape")
    for kind in ("create", "get"):
        said = {"type": f"webauthn.{kind}", "challenge": challenge, "origin": "https://a.example"}
        answer = {
            "clientDataJSON": websafe_encode(json.dumps(said).encode()),
            "attestationObject": websafe_encode(data),
            "authenticatorData": websafe_encode(data[:200]),
            "signature": websafe_encode(data[200:]),
        }
        for given in (text, json.dumps({"id": "AA", "rawId": "AA", "response": answer})):
            if kind == "create":
                made = refused(lambda given=given: party.read_registration(challenge, given))
                assert made == "bad-device" or 0 < len(made.data) <= len(data)
            else:
                refused(lambda given=given: party.credential_of(given))
                checked = refused(
                    lambda given=given: party.check_assertion(challenge, data, given, verified=True)
                )
                assert checked == "bad-device"


@cache
def _relying_party() -> RelyingParty:
    return RelyingParty("https://a.example", "a")


class _NoIndex:
    """A search index that gives back what it is asked."""

    async def torrents(self, search: SearchQuery) -> Any:
        """Return the search."""
        return search

    groups = torrents


TARGETS = (
    Target(request_head, 14),
    Target(forwarded_header, 4, 400),
    Target(file_headers, 6, 400),
    Target(form_body, 4, 1500),
    Target(json_body, 10, 1500),
    Target(soap_envelope, 6),
    Target(soap_call, 2),
    Target(rest_query, 6, 1500),
    Target(torbox_parameters, 6, 1000),
    Target(changes_page, 4, 2000),
    Target(qbittorrent_parameters, 4, 1000),
    Target(gazelle_browse, 4, 1000),
    Target(torrent_api_parameters, 8, 400),
    Target(torznab_search, 6, 1000),
    Target(device_answer, 1, 2000),
)

import re
from contextlib import suppress
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bittorrent.query import ANNOUNCE_LIMIT, SCRAPE_LIMIT, AnnounceQuery, Event, read_announce, read_scrape
from bittorrent.refusal import Refusal

HASH = bytes(range(0x10, 0x24))
PEER_ID = b"-XX0001-abcdefghijkl"
WHOLE = {b"info_hash": quote_from_bytes(HASH).encode(), b"peer_id": PEER_ID, b"port": b"6881", b"left": b"7"}
raw_hashes = st.binary(min_size=20, max_size=20)


def query(**changes: bytes | None) -> bytes:
    fields = WHOLE | {key.encode(): value for key, value in changes.items()}
    return b"&".join(key + b"=" + value for key, value in fields.items() if value is not None)


def escaped(raw: bytes, keep_raw: set[int], lower: bool) -> bytes:
    form = b"%%%02x" if lower else b"%%%02X"
    return b"".join(bytes([byte]) if byte in keep_raw else form % byte for byte in raw)


def reference_unquote(value: bytes) -> bytes | None:
    """Undo percent-encoding by the letter of RFC 3986; raw `=`, CR and LF are not allowed with an escape."""
    if b"%" in value and re.search(rb"%(?![0-9A-Fa-f]{2})|[=\r\n]", value):
        return None
    return unquote_to_bytes(value)


def code_of(raw: bytes) -> str:
    with pytest.raises(Refusal) as refused:
        read_announce(raw)
    return refused.value.code


def test_a_whole_announce_is_read() -> None:
    raw = query(uploaded=b"5", downloaded=b"6", event=b"started", numwant=b"80", compact=b"0")
    assert read_announce(raw) == AnnounceQuery(HASH, 6881, 7, Event.STARTED, 80, False, 5, 6, PEER_ID)


def test_what_may_be_missing_has_a_default() -> None:
    assert read_announce(query(left=None)) == AnnounceQuery(
        HASH, 6881, None, Event.NONE, -1, True, 0, 0, PEER_ID
    )


@given(raw_hashes, st.sets(st.sampled_from(sorted(set(range(256)) - set(b"%&=\r\n")))), st.booleans())
def test_a_hash_is_the_same_however_it_is_escaped(raw: bytes, keep_raw: set[int], lower: bool) -> None:
    assert read_announce(query(info_hash=escaped(raw, keep_raw, lower))).infohash == raw


awkward = st.one_of(
    st.lists(
        st.sampled_from(
            [b"%", b"%%", b"%0", b"%zz", b"%41", b"%3d", b"%\n", b"%\r", b"%\r\n", b"\n", b" ", b"\t"]
        )
        | st.sampled_from([b"=", b"_", b"+", b"a", b"A1", b"\r", b" \n", b"% ", b"%%41", b"%4%41"])
        | st.binary(min_size=1, max_size=2),
        max_size=24,
    ).map(b"".join),
    st.text(alphabet="%0123456789abcdefABCDEF=\r\n _", max_size=60).map(str.encode),
)


@given(awkward.filter(lambda value: b"&" not in value))
@example(b"%\rAB\n%zz" + b"%41" * 17)
@example(b"%\n%\n" + b"a" * 20)
@example(b"a" * 19 + b" ")
@example(b"a" * 18 + b"%20%0a")
def test_percent_decoding_agrees_with_the_slow_reference(value: bytes) -> None:
    expected = reference_unquote(value)
    if expected is None:
        assert code_of(query(info_hash=value)) == "bad-escape"
    elif len(expected) in (20, 32):
        assert read_announce(query(info_hash=value)).infohash == expected[:20]
    else:
        assert code_of(query(info_hash=value)) in {"bad-info-hash", "hex-info-hash"}


def test_a_plus_is_a_plus() -> None:
    assert read_announce(query(info_hash=b"+" * 20)).infohash == b"+" * 20


def test_a_version_2_hash_is_cut() -> None:
    assert read_announce(query(info_hash=b"%00" * 12 + b"b" * 20)).infohash == bytes(12) + b"b" * 8


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "no-info-hash"),
        (b"&&&=&==", "no-info-hash"),
        (query(info_hash=None), "no-info-hash"),
        (query(info_hash=None) + b"&info_hash", "no-info-hash"),
        (query() + b"&info_hash=" + b"b" * 20, "many-info-hashes"),
        (query(info_hash=b""), "bad-info-hash"),
        (query(info_hash=b"a" * 19), "bad-info-hash"),
        (query(info_hash=b"a" * 21), "bad-info-hash"),
        (query(info_hash=b"a" * 40), "hex-info-hash"),
        (query(info_hash=b"A1" * 32), "hex-info-hash"),
        (query(info_hash=b"g" * 40), "bad-info-hash"),
        (query(info_hash=b"a" * 19 + b"%"), "bad-escape"),
        (query(info_hash=b"a" * 19 + b"%4"), "bad-escape"),
        (query(info_hash=b"a" * 19 + b"%zz"), "bad-escape"),
        (query(peer_id=None), "bad-peer-id"),
        (query(peer_id=b"a" * 19), "bad-peer-id"),
        (query(peer_id=b"%gg" * 20), "bad-escape"),
        (query(port=None), "bad-port"),
        (query(port=b""), "bad-port"),
        (query(port=b"0"), "bad-port"),
        (query(port=b"65536"), "bad-port"),
        (query(port=b"-1"), "bad-port"),
        (query(port=b"6881 "), "bad-port"),
        (query(port="٣".encode()), "bad-port"),
        (query(port=b"9" * 1000), "bad-port"),
        (query(junk=b"x" * ANNOUNCE_LIMIT), "query-too-long"),
    ],
)
def test_a_refused_announce_says_why(raw: bytes, code: str) -> None:
    assert code_of(raw) == code


def test_port_0_is_taken_with_stopped_alone() -> None:
    assert read_announce(query(port=b"0", event=b"stopped")).port == 0
    assert code_of(query(port=b"0", event=b"started")) == "bad-port"


@pytest.mark.parametrize(
    "left", [b"", b"-1", b"1.5", b"x", b"%31", b"9223372036854775808", b"1" * 3000, b"0x1"]
)
def test_a_malformed_left_means_leecher(left: bytes) -> None:
    assert read_announce(query(left=left)).left is None


def test_numbers_go_up_to_2_to_the_63() -> None:
    read = read_announce(
        query(left=b"9223372036854775807", uploaded=b"9223372036854775808", downloaded=b"-4")
    )
    assert (read.left, read.uploaded, read.downloaded) == (2**63 - 1, 0, 0)


@pytest.mark.parametrize(
    ("sent", "numwant"), [(b"0", 0), (b"-1", -1), (b"-7", -1), (b"x", -1), (b"500", 500)]
)
def test_numwant_is_as_sent_or_absent(sent: bytes, numwant: int) -> None:
    assert read_announce(query(numwant=sent)).numwant == numwant


@pytest.mark.parametrize(
    ("sent", "compact"), [(b"0", False), (b"1", True), (b"", True), (b"no", True), (b"00", True)]
)
def test_only_compact_0_asks_for_dictionaries(sent: bytes, compact: bool) -> None:
    assert read_announce(query(compact=sent)).compact is compact


@pytest.mark.parametrize(
    ("sent", "event"),
    [
        (b"started", Event.STARTED),
        (b"stopped", Event.STOPPED),
        (b"completed", Event.COMPLETED),
        (b"paused", Event.PAUSED),
        (b"", Event.NONE),
        (b"Started", Event.NONE),
        (b"renamed", Event.NONE),
    ],
)
def test_an_unknown_event_is_none(sent: bytes, event: Event) -> None:
    assert read_announce(query(event=sent)).event is event


def test_keys_without_a_value_and_repeated_keys_upset_nothing() -> None:
    raw = b"supportcrypto&redundant&" + query() + b"&left=1&left=2=3&left=4&my_info_hash=x&port&=5"
    assert read_announce(raw) == AnnounceQuery(HASH, 6881, 4, Event.NONE, -1, True, 0, 0, PEER_ID)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for reader in (read_announce, read_scrape):
        with suppress(Refusal):
            assert reader(raw)


@given(st.lists(raw_hashes, min_size=1, max_size=80))
def test_a_scrape_keeps_order_each_hash_once(hashes: list[bytes]) -> None:
    raw = b"&".join(b"info_hash=" + quote_from_bytes(infohash, safe="").encode() for infohash in hashes)
    assert read_scrape(raw) == list(dict.fromkeys(hashes))[:74]


def test_a_scrape_is_cut_at_74_hashes_and_reads_no_further() -> None:
    raw = b"&".join(b"info_hash=%020d" % number for number in range(100)) + b"&info_hash=bad"
    assert read_scrape(raw) == [b"%020d" % number for number in range(74)]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "full-scrape"),
        (b"info_hash", "full-scrape"),
        (b"other=1", "full-scrape"),
        (b"info_hash=", "bad-info-hash"),
        (b"info_hash=" + b"a" * 20 + b"&info_hash=b", "bad-info-hash"),
        (b"info_hash=" + b"a" * 40, "hex-info-hash"),
        (b"info_hash=%", "bad-escape"),
        (b"info_hash=" + b"a" * SCRAPE_LIMIT, "query-too-long"),
    ],
)
def test_a_refused_scrape_says_why(raw: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_scrape(raw)
    assert refused.value.code == code

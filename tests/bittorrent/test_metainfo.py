from collections.abc import Callable
from hashlib import sha1, sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.bencode import BencodeLimits, encode
from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.metainfo import Metainfo, MetainfoFile
from bittorrent.refusal import Refusal
from tests.bittorrent.torrents import (
    PIECE,
    code_of,
    file,
    hybrid,
    leaf,
    parse,
    v1,
    v1_files,
    v2,
)


def test_a_version_1_torrent_of_one_file() -> None:
    metainfo = parse(v1(), comment=b"hello", created_by=b"me", creation_date=1_700_000_000)
    raw = encode(v1())
    assert metainfo.info == raw
    assert metainfo.v1 == metainfo.infohash == sha1(raw).digest()
    assert (metainfo.v2, metainfo.infohashes) == (None, (metainfo.v1,))
    assert metainfo.files == (MetainfoFile(("a.txt",), 5),)
    assert (metainfo.name, metainfo.size, metainfo.piece_length) == ("a.txt", 5, PIECE)
    assert (metainfo.comment, metainfo.created_by, metainfo.created) == ("hello", "me", 1_700_000_000)
    assert metainfo.canonical
    assert not metainfo.private


def test_a_version_1_torrent_of_many_files() -> None:
    metainfo = parse(v1_files(file(b"b", b"c"), file(b"a", length=PIECE), file(b"empty", length=0)))
    assert metainfo.files == (
        MetainfoFile(("b", "c"), 5),
        MetainfoFile(("a",), PIECE),
        MetainfoFile(("empty",), 0),
    )
    assert metainfo.size == PIECE + 5


def test_a_version_2_torrent() -> None:
    info = v2({b"d": {b"x": leaf(), b"y": {b"z": leaf(0, b"")}}, b"w": leaf(7)})
    metainfo = parse(info)
    full = InfoHash(sha256(encode(info)).digest())
    assert (metainfo.v1, metainfo.v2) == (None, full)
    assert metainfo.infohash == full.truncated
    assert metainfo.infohashes == (full, full.truncated)
    assert metainfo.files == (
        MetainfoFile(("d", "x"), 5),
        MetainfoFile(("d", "y", "z"), 0),
        MetainfoFile(("w",), 7),
    )


def test_a_hybrid_torrent_has_three_infohashes() -> None:
    pad = file(b".pad", b"16379", length=PIECE - 5, attr=b"p")
    info = hybrid(file(b"a"), pad, file(b"b", length=7), tree={b"a": leaf(), b"b": leaf(7)})
    metainfo = parse(info)
    raw = encode(info)
    assert metainfo.infohash == metainfo.v1 == sha1(raw).digest()
    assert metainfo.infohashes == (metainfo.v1, sha256(raw).digest(), sha256(raw).digest()[:20])
    assert metainfo.files == (MetainfoFile(("a",), 5), MetainfoFile(("b",), 7))
    assert metainfo.size == 12


def test_the_hash_is_of_the_raw_bytes() -> None:
    raw = b"d6:pieces20:" + b"p" * 20 + b"4:name1:a6:lengthi5e12:piece lengthi16384e7:unknownlee"
    metainfo = Metainfo.parse(b"d4:info" + raw + b"8:announce0:e")
    assert metainfo.v1 == sha1(raw).digest()
    assert not metainfo.canonical


@pytest.mark.parametrize(
    ("value", "private"), [(1, True), (0, False), (2, False), (b"1", False), (None, False)]
)
def test_only_1_is_private(value: Any, private: bool) -> None:
    assert parse(v1(private=value)).private is private


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ({"name": "Käse".encode()}, "Käse"),
        ({"name": b"K\xe4se", "name.utf-8": "Käse".encode()}, "Käse"),
        ({"name": b"plain", "name.utf-8": b"other"}, "plain"),
        ({"name": b"K\xe4se", "name.utf-8": b"\xff"}, r"K\xe4se"),
        ({"name": "中文".encode("gbk")}, r"\xd6\xd0\xce\xc4"),
        ({"name": b"a\x1b[31m\nb"}, "a\ufffd[31m\ufffdb"),
        ({"name": "x\u202egpj.exe".encode()}, "x\ufffdgpj.exe"),
        ({"name": "a\u2028b\u0085".encode()}, "a\ufffdb\ufffd"),
    ],
)
def test_a_name_is_shown_safely(names: dict[str, bytes], shown: str) -> None:
    metainfo = parse(v1(**names))
    assert metainfo.name == shown
    assert metainfo.files[0].path == (shown,)


@pytest.mark.parametrize(
    ("encoding", "codec", "text"),
    [
        (b"GBK", "gbk", "中文"),
        (b"Shift_JIS", "cp932", "表示"),
        (b"windows-1251", "cp1251", "Привет"),
        (b"ISO-8859-1", "latin-1", "Käse"),
        (b"big5", "big5", "中文"),
    ],
)
def test_a_declared_encoding_is_used(encoding: bytes, codec: str, text: str) -> None:
    metainfo = parse(v1_files(file(text.encode(codec)), name=text.encode(codec)), encoding=encoding)
    assert (metainfo.name, metainfo.files[0].path) == (text, (text,))


@pytest.mark.parametrize(
    "encoding", [b"zlib_codec", b"unicode_escape", b"../os", b"\xff", b"x" * 1000, 5, [b"gbk"]]
)
def test_a_hostile_encoding_is_not_used(encoding: Any) -> None:
    assert parse(v1(name=b"K\xe4se"), encoding=encoding).name == r"K\xe4se"


def test_a_comment_keeps_its_lines_and_is_cut() -> None:
    metainfo = parse(v1(), comment=b"one\r\ntwo\tx\x1b" + b"y" * 20_000, created_by=b"z" * 1000)
    assert metainfo.comment.startswith("one\ntwo\tx\ufffdyy")
    assert (len(metainfo.comment), len(metainfo.created_by)) == (8191, 256)


@pytest.mark.parametrize("created", [-1, 10**19, b"now", [], 253_402_300_800])
def test_an_impossible_date_is_left_out(created: Any) -> None:
    assert parse(v1(), creation_date=created).created is None


@pytest.mark.parametrize(
    "info",
    [
        v1(**{"name": b"K\xe4se", "name.utf-8": b".."}),
        v1(**{"name": b"ok", "name.utf-8": b"../x"}),
    ],
)
def test_a_name_that_other_clients_would_use_is_checked_too(info: dict[bytes, Any]) -> None:
    assert code_of(info) == "bad-name"


@pytest.mark.parametrize(
    ("name", "code"), [(None, "no-name"), (5, "no-name"), ([b"a"], "no-name"), (b"", "empty-name")]
)
def test_a_name_that_is_missing_and_one_that_is_empty_are_told_apart(name: Any, code: str) -> None:
    assert code_of(v1(name=name)) == code


@pytest.mark.parametrize("pieces", [b"", b"p" * 19, b"p" * 40, 5, None])
def test_pieces_have_to_match_the_length(pieces: Any) -> None:
    assert code_of(v1(pieces=pieces)) == "bad-pieces"


@pytest.mark.parametrize("length", [0, -1, 2**40, b"1", None])
def test_a_piece_length_is_in_range(length: Any) -> None:
    assert code_of(v1(**{"piece length": length})) == "bad-piece-length"


def test_version_1_takes_odd_pieces_and_version_2_does_not() -> None:
    assert parse(v1(**{"piece length": 7})).piece_length == 7
    for length in (7, 8192, 16385, 3 * PIECE):
        assert code_of(v2({b"a": leaf()}, **{"piece length": length})) == "bad-piece-length"


@pytest.mark.parametrize("version", [0, 3, b"2", -1, [2]])
def test_an_unknown_version_is_refused(version: Any) -> None:
    assert code_of(v1(**{"meta version": version})) == "bad-meta-version"


@pytest.mark.parametrize("data", [b"le", b"de", b"i1e", b"d4:infoi1ee", b"d4:info4:texte", b"d4:infolee"])
def test_what_has_no_info_is_no_torrent(data: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        Metainfo.parse(data)
    assert refused.value.code == "no-info"


def test_info_twice_is_refused() -> None:
    info = encode(v1())
    with pytest.raises(Refusal) as refused:
        Metainfo.parse(b"d4:info" + info + b"4:info" + info + b"e")
    assert refused.value.code == "duplicate-key"


def test_the_limits_are_the_callers() -> None:
    data = encode({b"info": v1()})
    assert Metainfo.parse(data, BencodeLimits(size=len(data)))
    with pytest.raises(Refusal) as refused:
        Metainfo.parse(data, BencodeLimits(size=len(data) - 1))
    assert refused.value.code == "too-large"


def test_its_magnet_reads_back() -> None:
    metainfo = parse(
        hybrid(file(b"a"), tree={b"a": leaf()}),
        **{"announce-list": [[b"http://a/?x=1&y=2"], [b"udp://b:1"]], "url-list": b"http://c/d e"},
    )
    magnet = metainfo.magnet()
    assert magnet == Magnet.parse(str(magnet))
    assert (magnet.v1, magnet.v2, magnet.size) == (metainfo.v1, metainfo.v2, 5)
    assert magnet.trackers == ("http://a/?x=1&y=2", "udp://b:1")


HUGE: list[tuple[str, Callable[[], bytes]]] = [
    (
        "tiers",
        lambda: encode({b"announce-list": [[b"http://%d" % n] for n in range(300_000)], b"info": v1()}),
    ),
    ("junk links", lambda: encode({b"announce-list": [b"x"] * 900_000, b"info": v1()})),
    ("empty tiers", lambda: encode({b"announce-list": [[]] * 900_000, b"info": v1()})),
    ("files", lambda: encode({b"info": v1_files(*(file(b"%06d" % n, length=1) for n in range(100_000)))})),
    ("tree", lambda: encode({b"info": v2({b"%06d" % n: leaf(1) for n in range(80_000)})})),
]


@pytest.mark.parametrize("make", [case[1] for case in HUGE], ids=[case[0] for case in HUGE])
def test_a_huge_torrent_is_read(make: Callable[[], bytes]) -> None:
    assert Metainfo.parse(make()).files


@given(
    st.dictionaries(
        st.sampled_from(
            [b"name", b"length", b"files", b"pieces", b"piece length", b"meta version", b"file tree"]
        ),
        st.integers(-1, 20)
        | st.binary(max_size=20)
        | st.lists(st.dictionaries(st.just(b"path"), st.binary(max_size=2))),
    )
)
def test_any_info_is_read_or_refused(info: dict[bytes, Any]) -> None:
    with pytest.raises(Refusal):
        parse(info)

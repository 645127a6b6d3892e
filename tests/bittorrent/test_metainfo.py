from collections.abc import Callable
from hashlib import sha1, sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.bencode import Limits, write
from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.merkle import root_of
from bittorrent.metainfo import File, Metainfo
from bittorrent.refusal import Refusal

PIECE = 16384
ROOT = b"r" * 32
LAYER = bytes(range(32)) + bytes(range(32, 64)) + bytes(range(64, 96))
LARGE = 3 * PIECE - 1


def v1(**changes: Any) -> dict[bytes, Any]:
    info = {"name": b"a.txt", "piece length": PIECE, "pieces": b"p" * 20, "length": 5}
    return spelled(info | changes)


def v1_files(*files: dict[bytes, Any], **changes: Any) -> dict[bytes, Any]:
    info = {"name": b"folder", "piece length": PIECE, "files": list(files)} | changes
    if "pieces" not in info:
        info["pieces"] = b"p" * 20 * -(-sum(file.get(b"length", 0) for file in files) // PIECE)
    return spelled(info)


def v2(tree: Any, **changes: Any) -> dict[bytes, Any]:
    return spelled({"name": b"a.txt", "piece length": PIECE, "meta version": 2, "file tree": tree} | changes)


def spelled(info: dict[str, Any]) -> dict[bytes, Any]:
    return {key.replace("_", " ").encode(): value for key, value in info.items() if value is not None}


def file(*path: bytes, length: int = 5, **more: Any) -> dict[bytes, Any]:
    return {b"path": list(path), b"length": length} | spelled(more)


def leaf(length: int = 5, root: bytes = ROOT, **more: Any) -> dict[bytes, Any]:
    return {b"": {b"length": length, b"pieces root": root} | spelled(more)}


def hybrid(*files: dict[bytes, Any], tree: dict[bytes, Any]) -> dict[bytes, Any]:
    return v1_files(*files) | {b"meta version": 2, b"file tree": tree}


def parse(info: Any, **outer: Any) -> Metainfo:
    return Metainfo.parse(
        write({b"info": info} | {key.replace("_", " "): value for key, value in outer.items()})
    )


def code_of(info: Any, **outer: Any) -> str:
    with pytest.raises(Refusal) as refused:
        parse(info, **outer)
    return refused.value.code


def paths(metainfo: Metainfo) -> list[str]:
    return ["/".join(entry.path) for entry in metainfo.files]


def test_a_version_1_torrent_of_one_file() -> None:
    metainfo = parse(v1(), comment=b"hello", created_by=b"me", creation_date=1_700_000_000)
    raw = write(v1())
    assert metainfo.info == raw
    assert metainfo.v1 == metainfo.infohash == sha1(raw).digest()
    assert (metainfo.v2, metainfo.infohashes) == (None, (metainfo.v1,))
    assert metainfo.files == (File(("a.txt",), 5),)
    assert (metainfo.name, metainfo.size, metainfo.piece_length) == ("a.txt", 5, PIECE)
    assert (metainfo.comment, metainfo.created_by, metainfo.created) == ("hello", "me", 1_700_000_000)
    assert metainfo.canonical
    assert not metainfo.private


def test_a_version_1_torrent_of_many_files() -> None:
    metainfo = parse(v1_files(file(b"b", b"c"), file(b"a", length=PIECE), file(b"empty", length=0)))
    assert metainfo.files == (File(("b", "c"), 5), File(("a",), PIECE), File(("empty",), 0))
    assert metainfo.size == PIECE + 5


def test_a_version_2_torrent() -> None:
    info = v2({b"d": {b"x": leaf(), b"y": {b"z": leaf(0, b"")}}, b"w": leaf(7)})
    metainfo = parse(info)
    full = InfoHash(sha256(write(info)).digest())
    assert (metainfo.v1, metainfo.v2) == (None, full)
    assert metainfo.infohash == full.cut
    assert metainfo.infohashes == (full, full.cut)
    assert metainfo.files == (File(("d", "x"), 5), File(("d", "y", "z"), 0), File(("w",), 7))


def test_a_hybrid_torrent_goes_by_three_hashes() -> None:
    pad = file(b".pad", b"16379", length=PIECE - 5, attr=b"p")
    info = hybrid(file(b"a"), pad, file(b"b", length=7), tree={b"a": leaf(), b"b": leaf(7)})
    metainfo = parse(info)
    raw = write(info)
    assert metainfo.infohash == metainfo.v1 == sha1(raw).digest()
    assert metainfo.infohashes == (metainfo.v1, sha256(raw).digest(), sha256(raw).digest()[:20])
    assert metainfo.files == (File(("a",), 5), File(("b",), 7))
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


def test_a_path_beside_it_in_utf_8_is_shown() -> None:
    metainfo = parse(v1_files(file(b"K\xe4se", **{"path.utf-8": ["Käse"]})))
    assert paths(metainfo) == ["Käse"]


def test_a_comment_keeps_its_lines_and_is_cut() -> None:
    metainfo = parse(v1(), comment=b"one\r\ntwo\tx\x1b" + b"y" * 20_000, created_by=b"z" * 1000)
    assert metainfo.comment.startswith("one\ntwo\tx\ufffdyy")
    assert (len(metainfo.comment), len(metainfo.created_by)) == (8191, 256)


@pytest.mark.parametrize("created", [-1, 10**19, b"now", [], 253_402_300_800])
def test_an_impossible_date_is_left_out(created: Any) -> None:
    assert parse(v1(), creation_date=created).created is None


UNSAFE = [
    b"",
    b".",
    b"..",
    b"a/b",
    b"/etc",
    b"a\0b",
    b"a" * 256,
    "ä".encode() * 128,
    b"..\\x",
    b"a\\..\\b",
    b"C:\\x",
]


@pytest.mark.parametrize("part", [*UNSAFE, b"\xff/x", b"\\x", 5, [b"a"]])
def test_an_unsafe_name_or_path_is_refused_wherever_it_stands(part: Any) -> None:
    assert code_of(v1(name=part)) == "bad-name"
    assert code_of(v1_files(file(b"ok"), file(b"folder", part))) == "bad-path"
    assert code_of(v1_files(file(part, b"file"))) == "bad-path"


@pytest.mark.parametrize("part", [part for part in UNSAFE if part])
def test_an_unsafe_path_in_a_tree_is_refused(part: bytes) -> None:
    assert code_of(v2({b"d": {part: leaf()}})) == "bad-path"
    assert code_of(v2({part: {b"f": leaf()}})) == "bad-path"


@pytest.mark.parametrize(
    "info",
    [
        v1(**{"name": b"K\xe4se", "name.utf-8": b".."}),
        v1(**{"name": b"ok", "name.utf-8": b"../x"}),
        v1(name=None),
    ],
)
def test_a_name_that_other_clients_would_go_by_is_checked_too(info: dict[bytes, Any]) -> None:
    assert code_of(info) == "bad-name"


@pytest.mark.parametrize("beside", [[b".."], [b"a", b"b"], [], [5]])
def test_a_path_that_other_clients_would_go_by_is_checked_too(beside: list[Any]) -> None:
    assert code_of(v1_files(file(b"ok", **{"path.utf-8": beside}))) == "bad-path"


def test_a_path_is_limited_in_all() -> None:
    parts = [b"d" * 255] * 15
    assert parse(v1_files(file(*parts, b"e" * 249)))
    assert code_of(v1_files(file(*parts, b"e" * 250))) == "bad-path"
    assert code_of(v1_files(file())) == "bad-path"
    assert code_of(v1_files({b"length": 5, b"path": b"text"})) == "bad-path"


def test_a_harmless_backslash_is_a_character() -> None:
    assert paths(parse(v1_files(file(b"AC\\DC")))) == ["AC\\DC"]


@pytest.mark.parametrize(
    "padding",
    [
        file(b".pad", b"11", length=11),
        file(b"anything", length=11, attr=b"xp"),
        file(b"_____padding_file_0_if you see this_____", length=11),
        file(b"folder", b"_____padding_file_7_", length=11),
    ],
)
def test_padding_is_hidden_and_counts_for_the_pieces(padding: dict[bytes, Any]) -> None:
    metainfo = parse(v1_files(file(b"a"), padding, file(b"b")))
    assert (paths(metainfo), metainfo.size) == (["a", "b"], 10)


def test_a_link_is_hidden_and_may_not_lead_out() -> None:
    link = {b"path": [b"l"], b"attr": b"l", b"symlink path": [b"a"]}
    assert paths(parse(v1_files(file(b"a"), link))) == ["a"]
    assert paths(
        parse(v2({b"a": leaf(), b"l": {b"": {b"attr": b"l", b"length": 0, b"symlink path": [b"a"]}}}))
    ) == ["a"]
    assert code_of(v1_files(file(b"a"), link | {b"symlink path": [b"..", b"x"]})) == "bad-path"
    assert code_of(v1_files(file(b"a"), link | {b"symlink path": []})) == "bad-path"
    assert code_of(v1_files(file(b"a"), link | {b"length": 1})) == "bad-length"


@pytest.mark.parametrize("length", [-1, 2**63, 10**19, b"5", None, []])
def test_a_length_is_0_to_63_bits(length: Any) -> None:
    assert (
        code_of(v1_files(file(b"ok"), {b"path": [b"a"]} | spelled({"length": length}), pieces=b""))
        == "bad-length"
    )
    if length is not None:
        assert code_of(v1(length=length)) == "bad-length"
    assert code_of(v2({b"a": {b"": spelled({"length": length, "pieces root": ROOT})}})) == "bad-length"


def test_content_has_a_size_within_63_bits() -> None:
    assert code_of(v1(length=0, pieces=b"")) == "bad-length"
    assert code_of(v1_files(file(b"a", length=0))) == "bad-length"
    assert code_of(v2({b"a": leaf(0)})) == "bad-length"
    assert code_of(v2({b"a": leaf(2**62), b"b": leaf(2**62)})) == "bad-length"


@pytest.mark.parametrize(
    "info",
    [
        v1(length=None),
        v1(files=[file(b"a")]),
        v1(length=None, files=[]),
        v1(length=None, files={}),
        v1(length=None, files=[b"a"]),
        v1_files(file(b"a", attr=b"p")),
    ],
)
def test_files_in_no_readable_form_are_refused(info: dict[bytes, Any]) -> None:
    assert code_of(info) == "bad-files"


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


@pytest.mark.parametrize(
    "tree",
    [
        None,
        {},
        [],
        b"x",
        {b"": {b"length": 5, b"pieces root": ROOT}},
        {b"a": b"x"},
        {b"a": {b"": b"x"}},
        {b"a": leaf() | {b"b": leaf()}},
        {b"a": leaf(5, b"short")},
        {b"a": {b"": {b"length": 5}}},
    ],
)
def test_a_malformed_tree_is_refused(tree: Any) -> None:
    assert code_of(v2(tree)) == "bad-file-tree"


def test_an_empty_folder_in_a_tree_does_no_harm() -> None:
    assert paths(parse(v2({b"a": leaf(), b"d": {b"e": {}}}))) == ["a"]


def test_a_tree_as_deep_as_the_document_may_be_is_read() -> None:
    tree: Any = leaf()
    for _ in range(58):
        tree = {b"d": tree}
    assert len(parse(v2(tree)).files[0].path) == 58


def test_piece_layers_may_be_missing_but_not_false() -> None:
    root = root_of(LAYER, PIECE)
    info = v2({b"a": leaf(LARGE, root), b"small": leaf()})
    assert parse(info).size == LARGE + 5
    assert parse(info, piece_layers={}).size == LARGE + 5
    assert parse(info, piece_layers={root: LAYER}).size == LARGE + 5
    for false in (
        {root: LAYER[:64]},
        {root: LAYER[::-1]},
        {root: 5},
        {b"x" * 32: LAYER},
        {b"": b""},
        [],
        b"x",
    ):
        assert code_of(info, piece_layers=false) == "bad-piece-layers"


def merkle_root(blocks: list[bytes]) -> bytes:
    leaves = [sha256(block).digest() for block in blocks]
    while len(leaves) & (len(leaves) - 1):
        leaves.append(bytes(32))
    while len(leaves) > 1:
        leaves = [
            sha256(left + right).digest() for left, right in zip(leaves[::2], leaves[1::2], strict=True)
        ]
    return leaves[0]


@given(st.integers(0, 3), st.integers(1, 40))
def test_a_layer_adds_up_to_the_root_of_the_whole_file(level: int, count: int) -> None:
    in_piece = 2**level
    blocks = [bytes([number % 251]) * 4 for number in range(count)]
    pieces = [blocks[at : at + in_piece] for at in range(0, count, in_piece)]
    padded = [
        [sha256(block).digest() for block in piece] + [bytes(32)] * (in_piece - len(piece))
        for piece in pieces
    ]
    layer = b""
    for row in padded:
        hashes = row
        while len(hashes) > 1:
            hashes = [sha256(a + b).digest() for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
        layer += hashes[0]
    if len(pieces) > 1:
        assert root_of(layer, in_piece * PIECE) == merkle_root(blocks)


@pytest.mark.parametrize(
    "info",
    [
        hybrid(file(b"a"), tree={b"b": leaf()}),
        hybrid(file(b"a"), tree={b"a": leaf(6)}),
        hybrid(file(b"a"), tree={b"a": leaf(), b"b": leaf()}),
        hybrid(file(b"a"), file(b"b"), tree={b"a": leaf(), b"b": leaf()}),
    ],
)
def test_the_halves_of_a_hybrid_agree(info: dict[bytes, Any]) -> None:
    assert code_of(info) == "hybrid-mismatch"


@pytest.mark.parametrize("data", [b"le", b"de", b"i1e", b"d4:infoi1ee", b"d4:info4:texte", b"d4:infolee"])
def test_what_has_no_info_is_no_torrent(data: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        Metainfo.parse(data)
    assert refused.value.code == "no-info"


def test_info_twice_is_refused() -> None:
    info = write(v1())
    with pytest.raises(Refusal) as refused:
        Metainfo.parse(b"d4:info" + info + b"4:info" + info + b"e")
    assert refused.value.code == "duplicate-key"


def test_the_limits_are_the_callers() -> None:
    data = write({b"info": v1()})
    assert Metainfo.parse(data, Limits(size=len(data)))
    with pytest.raises(Refusal) as refused:
        Metainfo.parse(data, Limits(size=len(data) - 1))
    assert refused.value.code == "too-large"


@pytest.mark.parametrize(
    ("outer", "tiers"),
    [
        ({}, ()),
        ({"announce": b"http://a/"}, (("http://a/",),)),
        (
            {"announce": b"http://a/", "announce-list": [[b"http://a/"], [b"udp://b:1"]]},
            (("http://a/",), ("udp://b:1",)),
        ),
        (
            {"announce": b"http://a/", "announce-list": [[b"udp://b:1", b"http://a/"]]},
            (("udp://b:1", "http://a/"),),
        ),
        ({"announce": b"http://a/", "announce-list": [[b"udp://b:1"]]}, (("http://a/",), ("udp://b:1",))),
        ({"announce-list": [b"http://a/", b"http://b/"]}, (("http://a/",), ("http://b/",))),
        ({"announce-list": b"http://a/"}, (("http://a/",),)),
        ({"announce-list": [[], [b""], [b" http://a/\n", b"http://a/"], 5, [5], {}]}, (("http://a/",),)),
        ({"announce": b"", "announce-list": [[b"wss://a/x", b"WS://b"]]}, (("wss://a/x", "WS://b"),)),
        (
            {
                "announce-list": [
                    [b"javascript:alert(1)", b"dht://x", b"http://\xff", b"http://" + b"a" * 2000]
                ]
            },
            (),
        ),
        ({"announce": [b"http://a/"]}, (("http://a/",),)),
    ],
)
def test_trackers_are_read_as_clients_write_them(
    outer: dict[str, Any], tiers: tuple[tuple[str, ...], ...]
) -> None:
    assert parse(v1(), **outer).trackers == tiers


@pytest.mark.parametrize(
    ("url_list", "seeds"),
    [
        (b"http://a/", ("http://a/",)),
        ([b"http://a/", b"http://a/", "ftp://b/ä"], ("http://a/", "ftp://b/ä")),
        (b"", ()),
        ([b"javascript:x", 5, b"http://a/\x1b"], ()),
        ({}, ()),
    ],
)
def test_web_seeds_are_a_string_or_a_list(url_list: Any, seeds: tuple[str, ...]) -> None:
    assert parse(v1(), **{"url-list": url_list}).web_seeds == seeds


def test_links_are_bounded() -> None:
    many = [b"http://a/%d" % number for number in range(5000)]
    metainfo = parse(v1(), **{"announce-list": [many, many], "url-list": many})
    assert (len(metainfo.trackers), len(metainfo.trackers[0]), len(metainfo.web_seeds)) == (1, 100, 100)
    assert len(metainfo.magnet().trackers) == 20


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
    ("tiers", lambda: write({b"announce-list": [[b"http://%d" % n] for n in range(300_000)], b"info": v1()})),
    ("junk links", lambda: write({b"announce-list": [b"x"] * 900_000, b"info": v1()})),
    ("empty tiers", lambda: write({b"announce-list": [[]] * 900_000, b"info": v1()})),
    ("files", lambda: write({b"info": v1_files(*(file(b"%06d" % n, length=1) for n in range(100_000)))})),
    ("tree", lambda: write({b"info": v2({b"%06d" % n: leaf(1) for n in range(80_000)})})),
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

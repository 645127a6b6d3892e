from typing import Any

import pytest

from tests.bittorrent.torrents import (
    ROOT,
    code_of,
    file,
    hybrid,
    leaf,
    parse,
    paths,
    v1,
    v1_files,
    v2,
    with_byte_keys,
)


def test_a_path_beside_it_in_utf_8_is_shown() -> None:
    metainfo = parse(v1_files(file(b"K\xe4se", **{"path.utf-8": ["Käse"]})))
    assert paths(metainfo) == ["Käse"]


UNSAFE = [
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


@pytest.mark.parametrize("name", [*UNSAFE, b"\xff/x", b"\\x"])
def test_an_unsafe_name_is_refused(name: bytes) -> None:
    assert code_of(v1(name=name)) == "bad-name"


@pytest.mark.parametrize("part", [b"", *UNSAFE, b"\xff/x", b"\\x", 5, [b"a"]])
def test_an_unsafe_path_is_refused_wherever_it_stands(part: Any) -> None:
    assert code_of(v1_files(file(b"ok"), file(b"folder", part))) == "bad-path"
    assert code_of(v1_files(file(part, b"file"))) == "bad-path"


@pytest.mark.parametrize("part", [part for part in UNSAFE if part])
def test_an_unsafe_path_in_a_tree_is_refused(part: bytes) -> None:
    assert code_of(v2({b"d": {part: leaf()}})) == "bad-path"
    assert code_of(v2({part: {b"f": leaf()}})) == "bad-path"


@pytest.mark.parametrize("utf8_path", [[b".."], [b"a", b"b"], [], [5]])
def test_a_path_that_other_clients_would_use_is_checked_too(utf8_path: list[Any]) -> None:
    assert code_of(v1_files(file(b"ok", **{"path.utf-8": utf8_path}))) == "bad-path"


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
        code_of(v1_files(file(b"ok"), {b"path": [b"a"]} | with_byte_keys({"length": length}), pieces=b""))
        == "bad-length"
    )
    if length is not None:
        assert code_of(v1(length=length)) == "bad-length"
    assert code_of(v2({b"a": {b"": with_byte_keys({"length": length, "pieces root": ROOT})}})) == "bad-length"


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

"""Patterns of clients: what is read, written and matched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.client_pattern import ClientPattern, VersionStyle, version_of
from bittorrent.refusal import Refusal

UTORRENT = b"-UT355W-abcdefghijkl"
SHADOW = b"S58B-----abcdefghijk"
MAINLINE = b"M7-10-5--abcdefghijk"
OTHER = b"exbc\x01\x02abcdefghijklmn"


@pytest.mark.parametrize(
    ("text", "peer_id", "matches"),
    [
        ("*", OTHER, True),
        ("-UT", UTORRENT, True),
        ("-UT355W-", UTORRENT, True),
        ("-UT356", UTORRENT, False),
        ("-ut", UTORRENT, False),
        ("exbc%01", OTHER, True),
        ("exbc%02", OTHER, False),
        ("-UT 3.5.5", UTORRENT, True),
        ("-UT 3", UTORRENT, True),
        ("-UT 3.5.6..", UTORRENT, False),
        ("-UT ..3.5.4", UTORRENT, False),
        ("-UT 1.8..3.5.5.32", UTORRENT, True),
        ("-UT 1.8..3.5.5.31", UTORRENT, False),
        ("S 5.8..5.8.11", SHADOW, True),
        ("S 5.8.12", SHADOW, False),
        ("M 7.10.5", MAINLINE, True),
        ("M ..7.9", MAINLINE, False),
        ("M ..0", b"Mxx-----abcdefghijkl", True),
    ],
)
def test_a_pattern_holds_for_a_beginning_and_a_range_of_versions(text, peer_id, matches):
    assert ClientPattern.parse(text).matches(peer_id) is matches


@pytest.mark.parametrize(
    "text",
    ["", " ", "a" * 21, "%zz", "\t", "é", "-UT 3..2", "-UT x", "-UT 1.2.3.4.5.6", "-UT 256", "exbc 1", "* 1", "%",
     "-UT 1...2", "-U*", "x" * 500],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(Refusal) as refused:
        ClientPattern.parse(text)
    assert refused.value.code == "bad-client"


@pytest.mark.parametrize(
    ("text", "written"),
    [("-UT 3.5", "-UT 3.5..3.5"), ("-UT  1.0.0..", "-UT 1.."), ("%2dUT", "-UT"), ("%2A", "%2A"), ("a%20", "a%20")],
)  # fmt: skip
def test_a_pattern_has_one_spelling(text, written):
    assert str(ClientPattern.parse(text)) == written


@given(
    st.binary(min_size=0, max_size=20),
    st.lists(st.integers(0, 255), max_size=5),
    st.lists(st.integers(0, 255), max_size=5),
)
def test_what_is_written_is_read_back(prefix, low, high):
    text = str(ClientPattern(prefix))
    assert ClientPattern.parse(text) == ClientPattern(prefix)
    try:
        ranged = ClientPattern.parse(f"-XX {'.'.join(map(str, low))}..{'.'.join(map(str, high))}")
    except Refusal:
        return
    assert ClientPattern.parse(str(ranged)) == ranged


@given(st.binary(min_size=20, max_size=20), st.sampled_from(VersionStyle))
def test_any_peer_id_tells_some_version(peer_id, style):
    version = version_of(peer_id, style)
    assert len(version) == 5
    assert all(0 <= part <= 255 for part in version)

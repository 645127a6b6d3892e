import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from bittorrent.magnet import LONGEST_MAGNET, Magnet
from bittorrent.refusal import Refusal
from bittorrent.text import printable

V1 = InfoHash(bytes(range(20)))
V2 = InfoHash(bytes(range(32)))
BTIH = f"xt=urn:btih:{V1.lower}"
BTMH = f"xt=urn:btmh:1220{V2.lower}"

hashes = st.tuples(
    st.none() | st.binary(min_size=20, max_size=20).map(InfoHash),
    st.none() | st.binary(min_size=32, max_size=32).map(InfoHash),
).filter(any)
names = st.text(st.characters(codec="utf-8"), max_size=60).map(printable)
tails = st.text(alphabet="abc/?&=+%#.:~-0", min_size=1, max_size=30)


@given(
    hashes,
    names,
    st.lists(tails.map("udp://t".__add__), unique=True, max_size=4).map(tuple),
    st.lists(tails.map("https://w".__add__), unique=True, max_size=4).map(tuple),
    st.none() | st.integers(0, 2**63 - 1),
)
def test_what_is_written_reads_back(
    pair: tuple[InfoHash | None, InfoHash | None],
    name: str,
    trackers: tuple[str, ...],
    web_seeds: tuple[str, ...],
    size: int | None,
) -> None:
    magnet = Magnet(*pair, name, trackers, web_seeds, size)
    assert Magnet.parse(str(magnet)) == magnet


def test_peers_are_addresses_and_few() -> None:
    many = "".join(f"&x.pe=10.0.{n // 250}.{n % 250}:{n + 1}" for n in range(1000))
    assert len(Magnet.parse(f"magnet:?{BTIH}{many}").peers) == 100
    magnet = Magnet.parse(f"magnet:?{BTIH}&x.pe=1.2.3.4:5&x.pe=%5B2001:db8::1%5D:6&x.pe=1.2.3.4:5")
    assert magnet.peers == (("1.2.3.4", 5), ("2001:db8::1", 6))
    assert Magnet.parse(str(magnet)) == magnet


def test_a_whole_magnet_is_written_so() -> None:
    magnet = Magnet(V1, V2, "a b&c", ("http://t/announce?k=1",), ("http://w/",), 5)
    assert str(magnet) == (
        f"magnet:?{BTIH}&{BTMH}&dn=a%20b%26c&xl=5&tr=http%3A%2F%2Ft%2Fannounce%3Fk%3D1&ws=http%3A%2F%2Fw%2F"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"magnet:?{BTIH}",
        f" MAGNET:?XT=URN:BTIH:{V1.upper}\n",
        f"magnet:?xt=urn:btih:{base64.b32encode(V1).decode().lower()}",
        f"magnet:?xt.1=urn:btih:{V1.lower}&xt.2=urn:sha1:ABC",
        f"magnet:?{BTIH}&{BTIH}",
        f"magnet:?xt=urn%3Abtih%3A{V1.lower}&so=0-2&x.pe=host:5&x.pe=[1.2.3.4]:5&x.pe=1.2.3.4:0&x.pe=::1&x.pe=[fe80::1%25x]:70000&&=&tr&xl=-1&dn",
    ],
)
def test_version_1_in_every_spelling(text: str) -> None:
    assert Magnet.parse(text) == Magnet(V1, None)


def test_version_2_and_hybrid() -> None:
    assert Magnet.parse(f"magnet:?{BTMH}") == Magnet(None, V2)
    assert Magnet.parse(f"magnet:?{BTMH}&{BTIH}") == Magnet(V1, V2)


def test_numbered_trackers_and_a_pages_ampersands_are_read() -> None:
    magnet = Magnet.parse(
        f"magnet:?{BTIH}&amp;tr.1=udp%3A%2F%2Fa%3A1&amp;tr.2=udp%3A%2F%2Fb%3A2&tr=udp://a:1&dn=a+b"
    )
    assert (magnet.trackers, magnet.name) == (("udp://a:1", "udp://b:2"), "a b")


def test_what_is_shown_or_followed_is_harmless() -> None:
    magnet = Magnet.parse(
        f"magnet:?{BTIH}&dn=%1b%e2%80%ae%ff\ud800&tr=javascript:1&ws=file:///etc&xl=99999999999999999999"
    )
    assert magnet == Magnet(V1, None, "\ufffd\ufffd\ufffd?")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "magnet:?",
        "magnet:",
        "http://x/?" + BTIH,
        "magnet:?dn=x",
        "magnet:?xt=urn:btih:",
        "magnet:?xt=urn:btih:" + "a" * 39,
        "magnet:?xt=urn:btih:" + "a" * 64,
        "magnet:?xt=urn:btmh:" + "a" * 64,
        "magnet:?xt=urn:btmh:1220" + "a" * 40,
        "magnet:?xt=urn:btmh:1114" + "a" * 40,
        f"magnet:?{BTIH}&xt=urn:btih:{'b' * 40}",
        f"magnet:?{BTIH}&dn=" + "x" * LONGEST_MAGNET,
    ],
)
def test_what_is_no_magnet_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        Magnet.parse(text)
    assert refused.value.code == "bad-magnet"


@given(st.text(max_size=200))
def test_any_other_parameters_are_read_over(text: str) -> None:
    harmless = text.replace("urn", "")
    assert Magnet.parse(f"magnet:?{BTIH}&{harmless}").v1 == V1

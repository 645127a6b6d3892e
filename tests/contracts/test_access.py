"""Who may announce at all, by every store: rules on clients and on addresses, and the narrowest decides."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.client_pattern import ClientPattern
from tests.support.swarm_stores import STORES
from tracker.access import AccessDenied, AccessTable, AddressRule, ClientRule
from tracker.model import AnnounceTerms

CLIENT = b"-UT355W-abcdefghijkl"
ADDRESS = bytes([203, 0, 113, 9])
TOLD = "Your address is not allowed on this tracker"


@pytest.fixture(params=STORES)
def store(request):
    return STORES[request.param](AnnounceTerms(), 1)


def clients(*rules):
    return [ClientRule(ClientPattern.parse(text), denied, why) for text, denied, why in rules]


def addresses(*rules):
    return [AddressRule(ip_network(text), denied, why) for text, denied, why in rules]


def said(store, address=ADDRESS, peer_id=CLIENT):
    try:
        store.check_access(address, peer_id)
    except AccessDenied as denied:
        return denied.code, denied.text.decode()
    return None


def test_without_rules_everybody_may(store):
    assert said(store) is None
    store.set_access(AccessTable.of(clients(("-UT", True, "")), ()))
    assert said(store) is not None
    store.set_access(AccessTable())
    assert said(store) is None


def test_a_denied_client_is_told_why(store):
    store.set_access(AccessTable.of(clients(("-UT ..3.5.4", True, "old"), ("-UT355", True, "ads")), ()))
    assert said(store) == ("client-denied", "Your client is not allowed on this tracker: ads")
    assert said(store, peer_id=b"-UT1800-abcdefghijkl") == (
        "client-denied", "Your client is not allowed on this tracker: old"
    )  # fmt: skip
    assert said(store, peer_id=b"-UT3560-abcdefghijkl") is None
    assert said(store, peer_id=b"") is None


def test_of_the_rules_for_a_client_the_narrowest_decides(store):
    rules = clients(
        ("*", True, "all"), ("-UT", False, ""), ("-UT 3.5.5", True, "one"), ("-UT355W-a", False, "")
    )
    for some, expected in ((1, "all"), (2, None), (3, "one"), (4, None)):
        store.set_access(AccessTable.of(rules[:some], ()))
        assert said(store) == (
            expected and ("client-denied", f"Your client is not allowed on this tracker: {expected}")
        )


def test_of_the_networks_around_an_address_the_smallest_decides(store):
    rules = addresses(
        ("0.0.0.0/0", True, "all"), ("203.0.113.0/24", False, ""), ("203.0.113.8/30", True, "few"),
        ("203.0.113.9/32", False, ""), ("2001:db8::/32", True, "six"),
    )  # fmt: skip
    for some, expected in ((1, ": all"), (2, None), (3, ": few"), (4, None)):
        store.set_access(AccessTable.of((), rules[:some]))
        assert said(store) == (expected and ("address-denied", TOLD + expected))
    store.set_access(AccessTable.of((), rules))
    assert said(store, ip_address("2001:db8:ffff::1").packed) == ("address-denied", f"{TOLD}: six")
    assert said(store, ip_address("2001:db9::").packed) is None
    assert said(store, bytes([255] * 4)) == ("address-denied", f"{TOLD}: all")
    assert said(store, bytes([203, 0, 113, 12])) is None


def test_of_two_verdicts_on_one_network_denial_wins(store):
    store.set_access(
        AccessTable.of((), addresses(("203.0.113.9/32", True, ""), ("203.0.113.9/32", False, "")))
    )
    assert said(store) == ("address-denied", TOLD)
    store.set_access(AccessTable.of(clients(("-UT", False, ""), ("-UT", True, "")), ()))
    assert said(store) is not None


def test_what_is_told_is_bounded(store):
    store.set_access(AccessTable.of((), addresses(("203.0.113.0/24", True, "é" * 500))))
    _, text = said(store)
    assert 250 < len(text.encode()) <= 255


networks = st.builds(
    lambda number, length: ip_network((number >> (32 - length) << (32 - length), length)),
    st.integers(0, 2**32 - 1) | st.integers(0, 255),
    st.integers(0, 32),
)
patterns = st.one_of(
    st.binary(max_size=3).map(ClientPattern),
    st.sampled_from(
        ["-UT", "-UT 3", "-UT ..2.9", "M 4..7.10", "S 5.8", "S", "M", "*", "-UT 3.5..", "Q ..1"]
    ).map(ClientPattern.parse),
)
peer_ids = st.one_of(
    st.sampled_from([CLIENT, b"S58B-----abcdefghijk", b"M7-10-5--abcdefghijk", b"M4--4----abcdefghijk", b"Q" * 20]),
    st.binary(min_size=20, max_size=20),
    st.builds(lambda head, rest: head + rest, st.sampled_from([b"-UT", b"MMM", b"SSS"]), st.binary(min_size=17, max_size=17)),
    st.from_regex(rb"\A[MSQ][0-9-]{19}\Z"),
)  # fmt: skip


@pytest.mark.skipif("native" not in STORES, reason="the extension is not built")
@given(
    st.lists(st.tuples(networks, st.booleans()), max_size=12),
    st.lists(st.tuples(patterns, st.booleans()), max_size=12),
    st.lists(peer_ids, max_size=8),
)
def test_every_store_says_the_same_and_what_the_rule_is(nets, pats, ids):
    rules = [AddressRule(each, denied, str(at)) for at, (each, denied) in enumerate(nets)]
    table = AccessTable.of(
        [ClientRule(each, denied, str(at)) for at, (each, denied) in enumerate(pats)], rules
    )
    stores = [make(AnnounceTerms(), 1) for make in STORES.values()]
    for each in stores:
        each.set_access(table)
    edges = {int(each[edge]) + by for each, _ in nets for edge in (0, -1) for by in (-1, 0, 1)} | {
        0,
        2**32 - 1,
    }
    for number in edges:
        if not 0 <= number < 2**32:
            continue
        address = number.to_bytes(4, "big")
        heard = [said(each, address, b"") for each in stores]
        around = [
            (each.network.prefixlen, each.denied) for each in rules if ip_address(address) in each.network
        ]
        assert [each is not None for each in heard] == [max(around, default=(0, False))[1]] * len(stores)
        assert len(set(heard)) == 1
    for peer_id in ids:
        assert len({said(each, bytes(16), peer_id) for each in stores}) == 1

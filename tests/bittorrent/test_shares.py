"""Shares of a bounded resource, by address and network."""

from ipaddress import ip_network

import pytest

from bittorrent.shares import Exemptions, Shares, ShareTerms

CAP = 1000
KEY = b"k" * 16


def v4(number: int) -> bytes:
    return (0x0B000000 + number).to_bytes(4, "big")


def v6(network: int, host: int = 1) -> bytes:
    return (0x20010DB8 << 96 | network << 64 | host).to_bytes(16, "big")


@pytest.fixture
def shares() -> Shares:
    return Shares(ShareTerms(), KEY)


def test_nobody_is_refused_below_the_threshold(shares):
    shares.add(v4(1), 799)

    assert not shares.refuses(v4(1), 799, CAP)


@pytest.mark.parametrize(
    ("free", "held", "refused"), [(200, 25, False), (200, 26, True), (8, 1, False), (7, 1, True)]
)
def test_above_it_an_address_may_hold_an_eighth_of_what_is_free(shares, free, held, refused):
    shares.add(v4(1), held)

    assert shares.refuses(v4(1), CAP - free, CAP) is refused
    assert not shares.refuses(v4(256), CAP - free, CAP)


@pytest.mark.parametrize("address", [v4, v6])
def test_a_wide_network_may_hold_all_that_is_free(shares, address):
    for at in range(201):
        shares.add(address(at))

    assert shares.refuses(address(255), 800, CAP)
    assert not shares.refuses(address(255), 799, CAP)


def test_all_addresses_of_a_64_are_one(shares):
    for host in range(26):
        shares.add(v6(1, host))

    assert shares.refuses(v6(1, 100), 800, CAP)
    assert not shares.refuses(v6(2), 800, CAP)


def test_what_is_given_back_counts_no_more(shares):
    shares.add(v4(1), 500)
    shares.drop(v4(1), 500)

    assert shares.weight(v4(1)) == 0


def test_halving_forgets(shares):
    shares.add(v4(1), 100)
    shares.halve()

    assert shares.weight(v4(1)) == 400


def test_exempt_networks_are_not_counted():
    shares = Shares(ShareTerms(exempt=(ip_network("11.0.0.0/24"), ip_network("::ffff:12.0.0.0/104"))), KEY)
    for address in (v4(1), bytes([12, 9, 9, 9])):
        shares.add(address, 900)
        assert not shares.refuses(address, 999, CAP)

    assert v6(1) not in Exemptions([ip_network("11.0.0.0/24")])


def test_a_flood_of_networks_does_not_make_others_heavy(shares):
    for at in range(20_000):
        shares.add((at.to_bytes(4, "big") + bytes(4)).ljust(16, b"\0"))

    assert max(shares.weight(v4(at << 8)) for at in range(50)) <= 8 * 8

import contextlib
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.addresses import is_private
from bittorrent.refusal import Refusal
from doors.client_address import ClientAddress, rate_key

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("127.0.0.0/8")]


def scope(client, *headers):
    return {
        "client": (client, 0) if client else None,
        "headers": [(n.encode(), v.encode()) for n, v in headers],
    }


def seen(client, *headers, trusted=PROXIES, header="X-Forwarded-For"):
    return str(ip_address(ClientAddress(trusted, header).of(scope(client, *headers))))


def test_the_socket_names_the_client_when_no_proxy_is_trusted():
    assert seen("1.2.3.4", ("x-forwarded-for", "6.6.6.6"), trusted=[]) == "1.2.3.4"
    assert seen("2001:db8::1", trusted=[]) == "2001:db8::1"
    assert seen("fe80::1%eth0", trusted=[]) == "fe80::1"


def test_a_header_from_an_untrusted_socket_is_ignored():
    assert seen("1.2.3.4", ("x-forwarded-for", "6.6.6.6")) == "1.2.3.4"


def test_a_mapped_address_is_the_ipv4_address_that_it_is():
    assert seen("::ffff:1.2.3.4", trusted=[]) == "1.2.3.4"
    assert seen("::ffff:10.0.0.1", ("x-forwarded-for", "::ffff:1.2.3.4")) == "1.2.3.4"
    assert (
        seen("10.0.0.1", ("x-forwarded-for", "1.2.3.4"), trusted=[ip_network("::ffff:10.0.0.0/104")])
        == "1.2.3.4"
    )


def test_the_rightmost_untrusted_entry_wins_over_all_lines():
    assert seen("10.0.0.1", ("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.2")) == "1.2.3.4"
    lines = ("x-forwarded-for", "6.6.6.6"), ("x-other", "7.7.7.7"), ("x-forwarded-for", "1.2.3.4")
    assert seen("10.0.0.1", *lines) == "1.2.3.4"
    assert seen("10.0.0.1", *lines, ("x-forwarded-for", "10.9.9.9,fd00::1")) == "1.2.3.4"


@pytest.mark.parametrize("entry", ["[2001:db8::7]:443", "2001:db8::7", "[2001:db8::7]", "2001:db8::7%4"])
def test_brackets_ports_and_zones_are_dropped(entry):
    assert seen("127.0.0.1", ("x-forwarded-for", entry)) == "2001:db8::7"


def test_a_port_after_ipv4_is_dropped():
    assert seen("127.0.0.1", ("x-real-ip", "1.2.3.4:5678"), header="x-real-ip") == "1.2.3.4"


@pytest.mark.parametrize(
    "headers",
    [
        (("x-forwarded-for", ""),),
        (("x-forwarded-for", "unknown"),),
        (("x-forwarded-for", "1.2.3.4, "),),
        (("x-forwarded-for", "1.2.3.4, nonsense"),),
        (("x-forwarded-for", "10.0.0.5, "),),
        (("x-forwarded-for", "1.2.3.4, \xa05.6.7.8"),),
        (("x-forwarded-for", "1.2.3.4, 5.6.7.8\x1f"),),
    ],
)
def test_without_a_usable_entry_the_address_is_refused_never_guessed(headers):
    with pytest.raises(Refusal) as caught:
        seen("10.0.0.1", *headers)
    assert caught.value.code == "no-address"


def test_a_program_beside_the_proxy_is_its_own_client():
    assert seen("10.0.0.1") == "10.0.0.1"
    assert seen("10.0.0.1", ("forwarded", "for=1.2.3.4")) == "10.0.0.1"


def test_a_client_in_the_proxies_networks_is_the_leftmost_entry():
    assert seen("10.0.0.1", ("x-forwarded-for", "10.0.0.5, 10.0.0.6")) == "10.0.0.5"
    assert seen("10.0.0.1", ("x-forwarded-for", "10.0.0.5"), ("x-forwarded-for", "10.0.0.6")) == "10.0.0.5"
    assert seen("10.0.0.1", ("forwarded", "for=10.0.0.5, for=10.0.0.6"), header="Forwarded") == "10.0.0.5"


def test_a_socket_without_an_address_is_refused():
    with pytest.raises(Refusal):
        seen(None)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("for=1.2.3.4", "1.2.3.4"),
        ('For="[2001:db8:cafe::17]:4711";proto=https;by=10.0.0.1', "2001:db8:cafe::17"),
        ("for=6.6.6.6, for=1.2.3.4;proto=http, for=10.0.0.2", "1.2.3.4"),
        ('proto=https;for="1.2.3.4:80"', "1.2.3.4"),
        ('for=6.6.6.6;host="a,b;for=7.7.7.7\\"", for=1.2.3.4', "1.2.3.4"),
    ],
)
def test_the_standard_forwarded_header_is_understood(value, address):
    assert seen("10.0.0.1", ("forwarded", value), header="Forwarded") == address


@pytest.mark.parametrize(
    "value",
    [
        "for=unknown",
        "for=_hidden",
        "proto=https",
        "for=1.2.3.4, proto=http",
        'for=6.6.6.6;x=", for=1.2.3.4',
        'for=6.6.6.6;x=", for="[2001:db8::1]:4711"',
        'for=6.6.6.6;x="\\, for="[2001:db8::1]:4711"',
        "for = 1.2.3.4",
        "1.2.3.4",
        " " * 60_000 + "x",
        'for="' + "\\" * 60_000,
    ],
)
def test_a_forwarded_header_that_breaks_its_grammar_is_refused(value):
    with pytest.raises(Refusal):
        seen("10.0.0.1", ("forwarded", value), header="Forwarded")


def test_memory_is_bounded_over_many_clients():
    address = ClientAddress([], "x-forwarded-for")
    for n in range(10_000):
        address.of(scope(str(ip_address(n + (1 << 24)))))
    assert len(address._sockets) <= 4096


@given(st.text(alphabet='for=12.,;"\\ [:]', max_size=60), st.sampled_from(["forwarded", "x-forwarded-for"]))
def test_a_header_does_nothing_but_name_an_address_or_be_refused(value, header):
    with contextlib.suppress(Refusal):
        assert ip_address(seen("10.0.0.1", (header, value), header=header))


def test_rates_count_an_ipv4_address_and_an_ipv6_network():
    assert rate_key(ip_address("1.2.3.4").packed) == "1.2.3.4"
    assert rate_key(ip_address("2001:db8:1:2:3::4").packed) == "2001:db8:1:2::/64"


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("10.1.2.3", True),
        ("127.0.0.1", True),
        ("169.254.0.1", True),
        ("fe80::1", True),
        ("9.9.9.9", False),
        ("2620:fe::fe", False),
    ],
)
def test_private_addresses_are_those_that_the_internet_does_not_route(address, private):
    assert is_private(ip_address(address).packed) is private


def test_only_a_trusted_proxy_is_believed():
    clients = ClientAddress([ip_network("192.0.2.1/32")], "x-forwarded-for")

    assert clients.via_trusted_proxy({"client": ("192.0.2.1", 1)})
    assert not clients.via_trusted_proxy({"client": ("192.0.2.2", 1)})
    assert not clients.via_trusted_proxy({"client": None})

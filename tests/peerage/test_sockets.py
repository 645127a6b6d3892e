import socket
from contextlib import closing, suppress

import pytest

from peerage.setting_values import ListenAddress
from peerage.sockets import BindError, bind


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_tcp_and_udp_share_a_port_that_the_system_chose(host, family):
    [bound] = bind([ListenAddress(host, 0)], lenient=False)

    assert bound.port == bound.tcp.getsockname()[1] == bound.udp.getsockname()[1] > 0
    assert bound.tcp.family == bound.udp.family == family
    bound.close()


def test_ipv6_sockets_are_for_ipv6_only():
    for _ in range(20):  # a port that is free over IPv6 may be another program's over IPv4
        [six] = bind([ListenAddress("::", 0)], lenient=False)
        with closing(six), suppress(BindError):
            [four] = bind([ListenAddress("0.0.0.0", six.port)], lenient=False)
            with closing(four):
                assert four.port == six.port
            return
    pytest.fail("no port of IPv6 is free over IPv4")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_taken_port_is_named_and_nothing_stays_open(kind):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(BindError, match=f"127.0.0.1:{port}.*in use"):
            bind([ListenAddress("127.0.0.1", 0), ListenAddress("127.0.0.1", port)], lenient=False)


def test_an_address_that_this_machine_lacks_is_left_out_only_of_the_defaults():
    absent = ListenAddress("192.0.2.77", 0)

    with pytest.raises(BindError, match=r"192\.0\.2\.77"):
        bind([ListenAddress("127.0.0.1", 0), absent], lenient=False)
    [bound] = bind([ListenAddress("127.0.0.1", 0), absent], lenient=True)
    bound.close()
    with pytest.raises(BindError):
        bind([absent], lenient=True)

from typing import Any

import pytest

from tests.bittorrent.torrents import parse, v1


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

"""Every hostile input of the corpus gets the outcome in its file name, and its neighbours some outcome.

A file is named `outcome--what`; a query `announce--outcome--what` or `scrape--outcome--what`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittorrent.magnet import Magnet
from bittorrent.metainfo import Metainfo
from bittorrent.query import read_announce, read_scrape
from bittorrent.refusal import Refusal
from bittorrent.udp import AnnounceRequest, Connect, MalformedRequest, ScrapeRequest, read_request

CORPUS = Path(__file__).parent / "corpus"
PACKETS = {AnnounceRequest: "announce", Connect: "connect", ScrapeRequest: "scrape", type(None): "garbage"}


def refusal_or_taken(reader: Callable[[], object]) -> str:
    try:
        reader()
    except Refusal as refusal:
        return refusal.code
    return "taken"


def bencode_outcome(data: bytes) -> str:
    return refusal_or_taken(lambda: Metainfo.parse(data))


def announce_outcome(data: bytes) -> str:
    return "announce--" + refusal_or_taken(lambda: read_announce(data))


def scrape_outcome(data: bytes) -> str:
    return "scrape--" + refusal_or_taken(lambda: read_scrape(data))


def udp_outcome(data: bytes) -> str:
    request = read_request(data)
    return request.code if isinstance(request, MalformedRequest) else PACKETS[type(request)]


def magnet_outcome(data: bytes) -> str:
    return refusal_or_taken(lambda: Magnet.parse(data.decode("utf-8", "replace")))


def outcome_of(path: Path, data: bytes) -> str:
    if path.parent.name == "query":
        return announce_outcome(data) if path.name.startswith("announce--") else scrape_outcome(data)
    return {"bencode": bencode_outcome, "udp": udp_outcome, "magnet": magnet_outcome}[path.parent.name](data)


FILES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.name}" for path in FILES])
def test_a_hostile_input_gets_the_outcome_in_its_name(path: Path) -> None:
    assert outcome_of(path, path.read_bytes()) == path.name.rpartition("--")[0]


@pytest.mark.parametrize("kind", ["bencode", "query", "udp", "magnet"])
def test_each_kind_is_there(kind: str) -> None:
    assert sum(path.parent.name == kind for path in FILES) > 10


@settings(deadline=None)
@given(st.sampled_from(FILES), st.integers(0, 2000), st.integers(0, 3), st.binary(max_size=3))
def test_a_damaged_input_is_taken_or_refused_and_nothing_else(
    path: Path, at: int, lost: int, put: bytes
) -> None:
    data = path.read_bytes()
    assert outcome_of(path, data[:at] + put + data[at + lost :])


@settings(deadline=None)
@given(st.sampled_from(FILES), st.sampled_from(FILES), st.integers(0, 400), st.integers(0, 400))
def test_two_inputs_spliced_are_taken_or_refused_and_nothing_else(
    one: Path, two: Path, head: int, tail: int
) -> None:
    assert outcome_of(one, one.read_bytes()[:head] + two.read_bytes()[-tail:])

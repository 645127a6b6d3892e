import pytest

from benchmarks.comparison import Sample
from benchmarks.generators import Result
from benchmarks.revisions import HOLDINGS, SERVERS, row
from bittorrent.metainfo import Metainfo


def samples(*seconds):
    """Turns of a thousand requests each that took the server so many seconds of CPU."""
    result = Result(1000, 0, 1.0, 1000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return [Sample(result, each) for each in seconds]


@pytest.mark.parametrize(
    ("this", "verdict"),
    [((1.05, 1.0, 0.98), "level"), ((1.2, 1.3, 1.2), "slower"), ((0.8, 0.7, 0.9), "faster")],
)
def test_a_measure_is_slower_only_outside_the_spread_of_the_base_beside_itself(this, verdict):
    taken = (samples(1.0, 1.0, 1.0), samples(0.95, 1.0, 1.1), samples(*this))
    assert row("announce", dict(zip(SERVERS, taken, strict=True)))[-1] == verdict


def test_what_is_uploaded_to_be_fetched_is_a_torrent_under_its_hash():
    infohash, data = HOLDINGS[0]
    assert Metainfo.parse(data).infohash.upper == infohash

import pytest

from bittorrent.refusal import Refusal
from downloads.model import JobRequest
from downloads.requested_torrent import RequestReader
from tasks.child_process import ChildFailure, ChildProcesses, TooManyWaiting
from tests.support.torrents import hybrid_torrent, v1_torrent


@pytest.mark.parametrize("make", [v1_torrent, hybrid_torrent])
async def test_a_torrent_of_very_many_values_is_read_as_a_small_one_is(make):
    request = JobRequest(torrent=make("one"))
    here = await RequestReader(ChildProcesses()).read(request)
    apart = await RequestReader(ChildProcesses(), light_items=1).read(request)
    assert apart == here


async def test_what_is_damaged_is_refused_by_its_own_code():
    with pytest.raises(Refusal) as refused:
        await RequestReader(ChildProcesses()).read_torrent(v1_torrent()[:-9])
    assert refused.value.code == "not-bencode"


@pytest.mark.parametrize(
    ("failure", "code"), [(TooManyWaiting(), "busy"), (ChildFailure("too long"), "too-many-items")]
)
async def test_what_cannot_be_read_within_the_limits_is_refused(failure, code):
    class Failing(ChildProcesses):
        async def run(self, *_, **__):
            raise failure

    with pytest.raises(Refusal) as refused:
        await RequestReader(Failing(), light_items=1).read_torrent(v1_torrent())
    assert refused.value.code == code

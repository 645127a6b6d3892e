"""Contract of every store of how far other services were read."""

from dataclasses import replace

import pytest

from bittorrent.infohash import InfoHash
from catalogue.mirrors import MirrorState
from storage.mirrors import SqlMirrors

URL = "https://origin.example"
ONE, TWO, THREE = (InfoHash(bytes([number]) * 20) for number in (1, 2, 3))


@pytest.fixture
def mirrors(database):
    return SqlMirrors(database)


async def test_a_service_begins_at_the_beginning_and_is_one_of_its_url(mirrors):
    state = await mirrors.open(URL)
    assert state == MirrorState(state.id, URL)
    assert await mirrors.open(URL) == state
    other = await mirrors.open("https://other.example")
    assert await mirrors.states() == [state, other]


async def test_a_saved_state_comes_back(mirrors):
    state = replace(await mirrors.open(URL), cursor="0-9", round=2, whole=True, position=9, newest=12)
    state = replace(state, asked=1_700_000_000, problem="why \u00e9")
    await mirrors.save(state)
    assert await mirrors.open(URL) == state


async def test_what_was_taken_is_of_one_service_until_it_is_dropped(mirrors):
    state, other = await mirrors.open(URL), await mirrors.open("https://other.example")
    await mirrors.save(state, [ONE, TWO])
    await mirrors.save(other, [TWO])
    assert await mirrors.taken(state.id, [ONE, TWO, THREE]) == {ONE, TWO}
    await mirrors.save(state, [THREE], [TWO])
    assert await mirrors.taken(state.id, [ONE, TWO, THREE]) == {ONE, THREE}
    assert await mirrors.taken(other.id, [ONE, TWO, THREE]) == {TWO}
    assert await mirrors.taken(state.id, []) == set()


async def test_what_a_round_did_not_see_is_stale(mirrors):
    state = await mirrors.open(URL)
    await mirrors.save(state, [ONE, TWO, THREE])
    state = replace(state, round=2)
    await mirrors.save(state, [TWO])
    assert await mirrors.stale(state, 9) == [ONE, THREE]
    assert await mirrors.stale(state, 1) == [ONE]

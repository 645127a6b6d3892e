import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from actions.takedowns import Takedowns
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from lists.infohashes import ListEntry, ListKind
from tests.support.tasks import begun
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent

HYBRID = parsed(hybrid_torrent())
SHORT = {HYBRID.v1, HYBRID.v2.truncated}
UNKNOWN = InfoHash(b"\x07" * 20)


@pytest.mark.parametrize("name", HYBRID.infohashes, ids=["v1", "v2", "cut"])
async def test_a_block_by_any_name_removes_the_file_and_denies_every_name(services, name):
    await services.uploads.accept(hybrid_torrent(), "test")
    entry = await services.takedowns.block(name, "because", "me")
    assert set(entry.infohashes) == set(HYBRID.infohashes)
    assert services.policy.denied == SHORT
    assert services.policy.allowed == set()
    assert services.blobs.files == {}
    assert services.records.records == {}
    again = await services.restarted()
    assert again.policy.denied == SHORT
    assert again.policy.allowed == set()


@pytest.mark.parametrize("name", HYBRID.infohashes, ids=["v1", "v2", "cut"])
async def test_an_unblock_by_any_name_lifts_all_and_brings_no_file_back(services, name):
    await services.uploads.accept(hybrid_torrent(), "test")
    await services.takedowns.block(HYBRID.v1, "because", "me")
    assert await services.takedowns.unblock(name) is True
    assert await services.takedowns.unblock(name) is False
    assert services.policy.denied == set()
    assert services.policy.allowed == set()
    assert not await services.cache.has(HYBRID.v1)
    await services.uploads.accept(hybrid_torrent(), "test")
    assert services.policy.allowed == SHORT


async def test_an_allowed_torrent_that_was_blocked_is_allowed_again(services):
    await services.takedowns.allow(UNKNOWN, "", "me")
    await services.takedowns.block(UNKNOWN, "because", "me")
    assert services.policy.denied == {UNKNOWN}
    await services.takedowns.unblock(UNKNOWN)
    assert (services.policy.allowed, services.policy.denied) == ({UNKNOWN}, set())


async def test_an_allowance_covers_the_cut_form_and_can_be_taken_back(services):
    full = InfoHash(b"\x08" * 32)

    await services.takedowns.allow(full, "friends", "me")
    assert services.policy.allowed == {full.truncated}
    assert (await services.restarted()).policy.allowed == {full.truncated}
    assert await services.takedowns.disallow(full.truncated) is True
    assert services.policy.allowed == set()
    assert await services.takedowns.disallow(full.truncated) is False


async def test_disallowing_a_held_torrent_leaves_it_allowed(services):
    await services.uploads.accept(hybrid_torrent(), "test")
    await services.takedowns.allow(HYBRID.v1, "", "me")
    assert await services.takedowns.disallow(HYBRID.v2) is True
    assert services.policy.allowed == SHORT


async def test_two_blocks_on_names_of_one_torrent_are_lifted_together(services):
    await services.takedowns.block(HYBRID.v1, "one", "me")
    await services.takedowns.block(HYBRID.v2, "two", "me")
    with pytest.raises(Refusal):
        await services.uploads.accept(hybrid_torrent(), "test")
    assert await services.takedowns.unblock(HYBRID.v1) is True
    assert await services.takedowns.unblock(HYBRID.v2) is False
    assert services.policy.denied == set()


async def test_the_start_tells_the_tracker_everything(services):
    await services.uploads.accept(v1_torrent(), "test")
    await services.uploads.accept(hybrid_torrent(), "test")
    await services.takedowns.block(UNKNOWN, "because", "me")
    again = await services.restarted()
    assert again.policy == services.policy
    assert again.policy.joined == {HYBRID.v2.truncated: HYBRID.v1}


async def test_a_takedown_that_a_crash_cut_short_is_finished_at_start(services):
    await services.uploads.accept(hybrid_torrent(), "test")
    entry = await services.takedowns.block(UNKNOWN, "because", "me")
    # The list was written, and nothing after it.
    await services.lists.set(replace(entry, infohash=HYBRID.v2, aliases=()))
    again = await services.restarted()
    assert again.policy.denied == {*SHORT, UNKNOWN}
    assert again.policy.allowed == set()
    assert again.blobs.files == {}


async def test_entries_tell_reason_author_and_time(services):
    await services.takedowns.block(UNKNOWN, "because", "me")
    await services.takedowns.allow(HYBRID.v1, "", "you")
    (denied,) = await services.takedowns.lists.entries(ListKind.DENY)
    assert (denied.reason, denied.by, denied.since) == ("because", "me", 1_800_000_000)
    assert len(await services.takedowns.lists.entries()) == 2
    assert [len(batch) async for batch in services.takedowns.lists.walk()] == [2]


async def test_a_bad_reason_changes_nothing(services):
    with pytest.raises(Refusal):
        await services.takedowns.block(UNKNOWN, "a\nb", "me")
    assert services.policy.denied == set()


async def block_meanwhile(services, infohash):
    """Set a block as `Takedowns.block` does first, before it looks for what there is to delete."""
    await services.lists.set(ListEntry(infohash, ListKind.DENY, "law", "op", 1))


async def enter(services, torrent, *, block=None):
    """Add a record as an action does, with a block that is set while it is added."""
    async with services.takedowns.entering(torrent):
        if block is not None:
            await block_meanwhile(services, block)
        services.catalogue.records[HYBRID.v1] = SimpleNamespace(infohash=HYBRID.v1, alias=HYBRID.v2.truncated)


@pytest.mark.parametrize("torrent", [HYBRID, (HYBRID.v1, HYBRID.v2.truncated)])
async def test_a_torrent_that_is_not_blocked_enters(services, torrent):
    await enter(services, torrent)
    assert list(services.catalogue.records) == [HYBRID.v1]


@pytest.mark.parametrize("torrent", [HYBRID, (HYBRID.v1, HYBRID.v2.truncated)])
async def test_a_blocked_torrent_does_not_enter(services, torrent):
    await services.takedowns.block(HYBRID.v2, "law", "op")
    with pytest.raises(Refusal) as caught:
        await enter(services, torrent)
    assert (caught.value.code, caught.value.detail) == ("blocked", "law")
    assert services.catalogue.records == {}


async def test_what_is_not_marked_as_private_is_public_where_that_is_wished(services):
    await services.uploads.accept(hybrid_torrent(), "test")
    assert services.policy.public == set()
    torrents = services.catalogue.store.torrents
    public = Takedowns(
        services.cache,
        torrents,
        services.lists,
        services.policy,
        lambda: 0,
        leftovers=services.leftovers,
        publishes=True,
    )
    services.records.records[HYBRID.infohash] = replace(
        services.records.records[HYBRID.infohash], private=False
    )
    await public.allow_listed()
    assert services.policy.public == {HYBRID.v1, HYBRID.v2.truncated}
    await public.remove_file([HYBRID.v1])
    assert services.policy.public == set()
    for torrent, expected in (
        (HYBRID, {HYBRID.v1, HYBRID.v2.truncated}),
        (replace(HYBRID, private=True), set()),
    ):
        async with public.entering(torrent):
            pass
        assert services.policy.public == expected


async def test_the_tracker_is_told_why_what_is_blocked_is_so(services):
    await services.takedowns.block(HYBRID.v1, "law", "op")
    await services.takedowns.block(UNKNOWN, "", "op")
    assert services.policy.reasons[HYBRID.v1] == "law"
    services.policy.reasons.clear()
    await services.takedowns.explain_denied()
    assert services.policy.reasons == {HYBRID.v1: "law"}


@pytest.mark.parametrize("block", [HYBRID.v1, HYBRID.v2.truncated])
@pytest.mark.parametrize("torrent", [HYBRID, (HYBRID.v1, HYBRID.v2.truncated)])
async def test_a_torrent_that_is_blocked_while_it_enters_leaves_no_record(services, torrent, block):
    with pytest.raises(Refusal) as caught:
        await enter(services, torrent, block=block)
    assert caught.value.code == "blocked"
    assert services.catalogue.records == {}


async def test_another_refusal_passes_through_and_the_blocklist_is_not_asked_again(services):
    async def refuse():
        async with services.takedowns.entering((HYBRID.v1,)):
            await block_meanwhile(services, HYBRID.v1)
            raise Refusal("owned")

    with pytest.raises(Refusal) as caught:
        await refuse()
    assert caught.value.code == "owned"


@pytest.mark.parametrize("torrent", [HYBRID, (HYBRID.v1, HYBRID.v2.truncated)])
async def test_a_block_returns_after_what_was_entering_has_left(services, torrent):
    inside, go = asyncio.Event(), asyncio.Event()

    async def enter_slowly():
        async with services.takedowns.entering(torrent):
            inside.set()
            await go.wait()
            services.catalogue.records[HYBRID.v1] = SimpleNamespace(infohash=HYBRID.v1, alias=None)

    entering = asyncio.create_task(enter_slowly())
    await inside.wait()
    block = asyncio.create_task(services.takedowns.block(HYBRID.v1, "law", "op"))
    await services.takedowns.block(UNKNOWN, "law", "op")  # of another torrent: it waits for nobody
    assert not block.done()
    go.set()
    await block
    assert services.catalogue.records == {}
    with pytest.raises(Refusal):
        await entering


async def test_a_file_whose_upload_fails_after_it_was_written_does_not_pass_a_block(services):
    async def fail():
        async with services.takedowns.entering(HYBRID):
            await block_meanwhile(services, HYBRID.v1)
            await services.cache.add(HYBRID, hybrid_torrent())
            raise OSError("the disk is gone")

    with pytest.raises(Refusal) as caught:
        await fail()
    assert caught.value.code == "blocked"
    assert services.blobs.files == {}


async def test_infohashes_that_are_only_claimed_do_not_widen_a_block(services):
    other = InfoHash(bytes(20))
    await services.takedowns.block(HYBRID.v1, "law", "op")
    with pytest.raises(Refusal):
        await enter(services, (HYBRID.v1, other))
    assert await services.lists.denied((other,)) is None


async def test_an_upload_whose_block_is_lifted_before_it_is_enforced_is_not_refused(services):
    async with services.takedowns.entering(HYBRID):
        await services.cache.add(HYBRID, hybrid_torrent())
        await services.lists.set(ListEntry(HYBRID.v1, ListKind.DENY, "because", "me", 9))
        lifting = await begun(services.takedowns.unblock(HYBRID.v1))  # it waits for its turn
    assert await lifting is True
    assert await services.cache.has(HYBRID.v1)
    assert services.policy.allowed == SHORT
    assert services.policy.denied == set()

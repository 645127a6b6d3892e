"""Comments wait for a moderator while their author is new, and come no faster than the rate, by whatever door."""

import pytest

from accounts.model import NOBODY, Principal, Role
from actions.catalogue_export import CatalogueExport
from actions.comment_terms import MOST_HELD
from bittorrent.refusal import Refusal
from catalogue.store import UNRESTRICTED_VIEWER
from tests.support.application import open_test_application, settings_in
from tests.support.clock import Clock
from tests.support.torrents import torrent


class Discussion:
    """A group, a moderator and two members, of which ann is new."""

    def __init__(self, application, clock):
        self.application, self.clock = application, clock
        self.curation = application.catalogue.curation
        self.store = application.catalogue.catalogue.store.comments

    async def fill(self):
        add = self.application.accounts.accounts.add
        self.mod = Principal(await add("mod", "a good password", Role.MODERATOR))
        self.ann, self.bob = [Principal(await add(name, "a good password")) for name in ("ann", "bob")]
        self.group = (await self.curation.publish(self.mod, torrent("one"), "test")).group.id
        return self

    async def seen_by(self, who):
        page = await self.store.comments(self.group, 0, 50, self.curation.viewer(who))
        assert page.total == len(page.items)
        return [each.body for each in page.items]


@pytest.fixture
async def discussion(tmp_path, request):
    settings = settings_in(tmp_path, catalogue={"comment_rate": "12/hour", **getattr(request, "param", {})})
    clock = Clock()
    async with open_test_application(settings, clock) as application:
        yield await Discussion(application, clock).fill()


HELD = pytest.mark.parametrize("discussion", [{"held_comments": 2}], indirect=True)


async def test_nothing_waits_unless_that_is_set(discussion):
    assert not (await discussion.curation.comment(discussion.ann, discussion.group, "first")).held
    assert await discussion.seen_by(NOBODY) == ["first"]


@HELD
async def test_first_comments_are_seen_by_their_author_and_moderators_until_one_of_these_approves(discussion):
    curation, ann, mod = discussion.curation, discussion.ann, discussion.mod
    first = await curation.comment(ann, discussion.group, "first")
    assert first.held
    assert [await discussion.seen_by(who) for who in (NOBODY, discussion.bob, ann, mod)] == [
        [], [], ["first"], ["first"],
    ]  # fmt: skip
    assert await discussion.store.comment(first.id, curation.viewer(discussion.bob)) is None
    for who in (NOBODY, discussion.bob, ann):
        with pytest.raises(Refusal):
            await curation.held_comments(who, 0, 9)
        with pytest.raises(Refusal):
            await curation.settle_comment(who, first.id, shown=True)
    assert [each.id for each in (await curation.held_comments(mod, 0, 9)).items] == [first.id]
    assert not (await curation.settle_comment(mod, first.id, shown=True)).held
    assert await discussion.seen_by(NOBODY) == ["first"]
    with pytest.raises(Refusal, match="not"):
        await curation.settle_comment(mod, first.id, shown=False)
    entry = (await discussion.application.catalogue.catalogue.store.moderation.log_entries(0, 1)).items[0]
    assert (entry.verb, entry.target) == ("approve", str(first.id))


@HELD
async def test_who_has_enough_comments_shown_waits_no_more_and_a_refused_one_counts_for_nothing(discussion):
    curation = discussion.curation
    for shown in (True, False, True):
        said = await curation.comment(discussion.ann, discussion.group, f"{shown}")
        assert said.held
        settled = await curation.settle_comment(discussion.mod, said.id, shown=shown)
        assert (settled.held, settled.hidden) == (False, not shown)
    assert not (await curation.comment(discussion.ann, discussion.group, "known now")).held
    assert await discussion.seen_by(NOBODY) == ["True", "True", "known now"]
    assert not (await curation.comment(discussion.mod, discussion.group, "by a moderator")).held


@HELD
async def test_what_a_new_account_makes_of_a_shown_comment_waits_again(discussion):
    curation = discussion.curation
    said = await curation.comment(discussion.ann, discussion.group, "harmless")
    await curation.settle_comment(discussion.mod, said.id, shown=True)
    assert (await curation.edit_comment(discussion.ann, said.id, "buy here")).held
    assert await discussion.seen_by(NOBODY) == []
    assert (await curation.edit_comment(discussion.mod, said.id, "tidied")).held
    await curation.settle_comment(discussion.mod, said.id, shown=True)
    assert not (await curation.edit_comment(discussion.mod, said.id, "tidied")).held


@HELD
async def test_an_account_has_few_comments_waiting(discussion):
    for number in range(MOST_HELD):
        await discussion.curation.comment(discussion.ann, discussion.group, f"{number}")
    with pytest.raises(Refusal, match=str(MOST_HELD)) as refused:
        await discussion.curation.comment(discussion.ann, discussion.group, "more")
    assert refused.value.code == "full"
    assert (await discussion.curation.comment(discussion.bob, discussion.group, "mine")).held


@HELD
async def test_a_dump_takes_a_held_comment_along_as_a_hidden_one(discussion):
    await discussion.curation.comment(discussion.ann, discussion.group, "first")
    application = discussion.application
    export = CatalogueExport(application.catalogue.catalogue.store, application.accounts.store)
    lines = [line async for line in export.lines() if line["kind"] == "comment"]
    assert [line["hidden"] for line in lines] == [True]


async def test_comments_come_no_faster_than_the_rate_but_those_of_moderators(discussion):
    comment = discussion.curation.comment
    for number in range(12):
        await comment(discussion.ann, discussion.group, f"{number}")
        await comment(discussion.mod, discussion.group, f"{number}")
    with pytest.raises(Refusal, match="seconds") as refused:
        await comment(discussion.ann, discussion.group, "more")
    assert refused.value.code == "too-many-requests"
    await comment(discussion.mod, discussion.group, "more")
    await comment(discussion.bob, discussion.group, "mine")
    discussion.clock.now += 3600
    await comment(discussion.ann, discussion.group, "later")
    everything = await discussion.store.comments(discussion.group, 0, 50, UNRESTRICTED_VIEWER)
    assert everything.total == 12 + 12 + 3

"""Actions of moderators on the torrents that they chose in a list."""

import pytest

from accounts.model import Principal
from bittorrent.refusal import Refusal
from tests.web.site import Parsed


@pytest.fixture
def three(site, anna):
    return [site.upload(anna, f"Number {number}.iso") for number in range(3)]


@pytest.fixture
def browser(site, moderator):
    return site.browser(moderator)


def apply(browser, torrents, **form):
    chosen = {f"chosen.{each.id}": "1" for each in torrents}
    return browser.submit("/search", "/moderation/chosen", **form, **chosen)


def log_of(site, moderator):
    page = site.run(site.services.curation.log_entries(Principal(moderator), 0, 50))
    return [(each.verb, each.target, each.detail) for each in page.items]


def test_moderators_alone_choose(site, browser, three, anna):
    for somebody in (site.browser(), site.browser(anna)):
        assert "chosen" not in somebody.get("/search").text
    page = browser.page("/search")
    assert page.unlabelled == []
    form = next(form for form in page.forms if form.action == "/moderation/chosen")
    assert {f"chosen.{each.id}" for each in three} <= form.fields.keys()
    answer = site.browser(anna).send("/moderation/chosen", csrf=site.browser(anna).page("/account").csrf)
    assert answer.status_code == 403


def test_chosen_torrents_are_hidden_with_a_reason_and_shown_again(site, browser, moderator, three):
    answer = apply(browser, three[:2], action="hide", reason="look at them", back="/search?q=number")
    page = Parsed(answer.text)
    assert "hide: 2 torrents." in page.text
    assert "/search?q=number" in [link["href"] for link in page.links]
    assert [site.catalogued(each) is None for each in three] == [True, True, False]
    assert log_of(site, moderator) == [
        ("hide", str(each.id), "look at them") for each in (three[0], three[1])
    ]
    undo = next(form for form in page.forms if form.action == "/moderation/chosen")
    assert "show: 2 torrents." in Parsed(browser.send("/moderation/chosen", **undo.fields).text).text
    assert all(site.catalogued(each) for each in three)
    # What is so already leaves no line.
    apply(browser, three, action="show")
    assert len(log_of(site, moderator)) == 4


def test_chosen_torrents_are_moved(site, browser, moderator, three):
    answer = apply(browser, three, action="move", category_id="5", reason="are books")
    assert "move: 3 torrents." in Parsed(answer.text).text
    assert {site.catalogued(each).group.category.id for each in three} == {5}
    assert ("edit", str(three[0].id), "category_id: are books") in log_of(site, moderator)
    assert apply(browser, three, action="move").status_code == 422
    assert "3 are refused" in Parsed(apply(browser, three, action="move", category_id="999").text).text


def test_chosen_torrents_are_blocked(site, browser, moderator, three):
    page = Parsed(apply(browser, three[:2], action="block", reason="asked to").text)
    assert "block: 2 torrents." in page.text
    assert "/moderation/lists" in [link["href"] for link in page.links]
    for each in three[:2]:
        with pytest.raises(Refusal, match="asked to"):
            site.run(site.services.takedowns.refuse_blocked_hash(each.infohash))
    assert [site.catalogued(each) is None for each in three] == [True, True, False]
    assert [verb for verb, _, _ in log_of(site, moderator)] == ["block", "block"]


@pytest.mark.parametrize(
    "form",
    [
        {"action": "hide", "reason": " "},
        {"action": "block", "reason": ""},
        {"action": "block", "reason": "x" * 2001},
        {"action": "delete", "reason": "x"},
    ],
)
def test_without_an_action_or_its_reason_nothing_is_done(site, browser, moderator, three, form):
    assert apply(browser, three, **form).status_code == 422
    assert log_of(site, moderator) == []
    assert all(site.catalogued(each) for each in three)


def test_one_that_is_refused_stops_no_other(site, browser, three):
    number = three[1].id
    site.run(site.services.takedowns.remove_file([three[1].infohash]))
    site.run(site.services.catalogue.torrents.remove([three[1].infohash]))
    page = Parsed(
        browser.send(
            "/moderation/chosen",
            csrf=browser.page("/search").csrf,
            action="hide",
            reason="x",
            **{f"chosen.{each}": "1" for each in (three[0].id, number, three[2].id)},
        ).text
    )
    assert "hide: 2 torrents." in page.text


def test_nothing_and_too_many_are_refused(browser, three):
    csrf = browser.page("/search").csrf
    assert browser.send("/moderation/chosen", csrf=csrf, action="hide", reason="x").status_code == 422
    many = {f"chosen.{number}": "1" for number in range(1, 202)}
    assert browser.send("/moderation/chosen", csrf=csrf, action="hide", reason="x", **many).status_code == 409

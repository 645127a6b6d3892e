"""Pages of what the catalogue knows beside torrents."""

import pytest

from accounts.model import NOBODY, Principal
from accounts.registration import Registration
from catalogue.fields import CollageChange
from catalogue.model import SwarmStats
from tests.web.site import Parsed, site_in
from tests.web.test_torrents import assert_calm
from tracker.figure_history import SPANS

EVIL = "<script>&quot;alert(1)"


@pytest.fixture
def film(site, anna):
    return site.upload(anna, "Nosferatu.mkv", {"authors": ["F. W. Murnau"], "tags": ["horror"], "year": 1922})


def test_charts_rank_torrents(site, film):
    browser = site.browser()
    assert "Nothing ranks here yet" in browser.page("/top").text
    site.run(site.pages.catalogue.store.statistics.update_swarm_stats({film.infohash: SwarmStats(9, 3, 1)}))
    for chart in ("overall", "week", "day", "seeded", "snatched", "data", "nothing"):
        assert "Nosferatu" in browser.page(f"/top?chart={chart}").text, chart


def test_tags_lead_to_their_torrents(site, film):
    page = site.browser().page("/tags?q=hor")
    assert "/search?q=tag%3Ahorror" in [link["href"] for link in page.links]
    assert "No tag begins so" in site.browser().page("/tags?q=zzz").text


def test_an_author_has_a_page_of_works_to_which_torrents_lead(site, film):
    browser = site.browser()
    (href,) = {
        link["href"] for link in browser.page(f"/t/{film.id}").links if link["href"].startswith("/authors/")
    }
    page = browser.page(href)
    assert f"/g/{film.group.id}" in [link["href"] for link in page.links]
    assert "F. W. Murnau" in browser.page("/authors?q=f.").text
    assert browser.get("/authors/99").status_code == 404


def test_a_collage_has_a_page_with_its_works_and_feeds(site, anna, film):
    curation = site.services.curation
    collage = site.run(
        curation.add_collage(Principal(anna), CollageChange(name=EVIL, description="[b]free[/b]"))
    )
    site.run(curation.add_to_collage(Principal(anna), collage.id, film.group.id))
    browser = site.browser()
    page = browser.page(f"/collages/{collage.id}")
    assert EVIL in page.text
    hrefs = [link["href"] for link in page.links]
    assert {f"/g/{film.group.id}", f"/collages/{collage.id}.rss"} <= set(hrefs)
    assert f"/collages/{collage.id}" in [link["href"] for link in browser.page("/collages?q=script").links]
    assert "No collage is called so" in browser.page("/collages?q=zzz").text
    for path in ("/collages", f"/collages/{collage.id}", f"/u/{anna.id}"):
        assert_calm(browser.get(path).text)


def test_news_are_read_by_everybody(site, moderator):
    assert "Nothing new" in site.browser().page("/news").text
    site.run(site.services.curation.post_news(Principal(moderator), EVIL, f"[b]Soon[/b] {EVIL}"))
    answer = site.browser().get("/news")
    assert "Soon" in Parsed(answer.text).text
    assert_calm(answer.text)


def test_figures_are_plotted_over_every_span(site, film):
    browser = site.browser()
    assert "Nothing to plot yet" in browser.page("/stats/plots").text
    for _ in range(3):
        site.run(site.pages.swarms.history.sample())
        site.now += 86_400
    site.now -= 86_400
    for span in ("hour", "day", "month", "year", "nothing"):
        page = browser.page(f"/stats/plots?span={span}")
        assert "1 torrents" in page.text
    plots = [given["aria-label"] for tag, given in page.tags if given.get("class") == "plot"]
    year = browser.page("/stats/plots?span=year")
    assert [given["aria-label"] for tag, given in year.tags if given.get("class") == "plot"] == [
        f"{name} of the last year"
        for name in ("Peers", "Swarms", "Announces a minute", "Torrents", "Content")
    ]
    assert plots == [] or len(plots) == 5
    assert {span.name for span in SPANS} == {"hour", "day", "month", "year"}


def test_a_closed_catalogue_lists_nothing_to_nobody(tmp_path):
    with site_in(tmp_path, frozenset()) as site:
        for path in ("/top", "/tags", "/authors", "/collages", "/news"):
            assert site.browser().get(path).status_code == 303


def test_an_account_is_made_where_registration_is_open(site):
    browser = site.browser()
    assert browser.get("/register").status_code == 404
    assert (
        browser.send("/register", name="bert", password="long enough 1", again="long enough 1").status_code
        == 404
    )
    site.services.account_management.registration = Registration(open=True)
    assert "Make an account" in browser.page("/login").text
    differs = browser.send("/register", name="bert", password="long enough 1", again="long enough 2")
    assert (differs.status_code, "The two passwords differ." in differs.text) == (422, True)
    made = browser.submit(
        "/register", "/register", name="bert", password="long enough 1", again="long enough 1"
    )
    assert made.status_code == 303
    assert "bert" in browser.page("/").text
    assert browser.get("/register").headers["location"] == "/account"
    taken = site.browser().submit(
        "/register", "/register", name="Bert", password="long enough 1", again="long enough 1"
    )
    assert taken.status_code == 409
    assert NOBODY.user is None


def test_a_moderator_makes_an_edition_a_work_of_its_own(site, anna, moderator, film):
    other = site.upload(anna, "Nosferatu.mkv second", {"group_id": film.group.id})
    path = f"/t/{other.id}"
    assert "Make it a work of its own" not in site.browser(anna).page(path).text
    keeper = site.browser(moderator)
    assert "Nosferatu.mkv" in keeper.page(f"/g/{film.group.id}").text
    answer = keeper.submit(path, f"{path}/split")
    assert answer.status_code == 303
    assert answer.headers["location"] != f"/g/{film.group.id}"
    assert "Make it a work of its own" not in keeper.page(path).text
    assert f"split torrent {other.title}" in keeper.page("/moderation/log").text


def test_a_question_keeps_programs_out(site):
    question = Registration(True, "What colour is the sky?", ("blue", "light blue"))
    site.services.account_management.registration = question
    browser, again = site.browser(), {"password": "a good password", "again": "a good password"}
    assert "What colour is the sky?" in browser.page("/register").text
    for answer in ("", "green"):
        refused = browser.send("/register", name="bot", answer=answer, **again)
        assert (refused.status_code, "not the answer" in refused.text) == (422, True)
    assert browser.send("/register", name="ada", answer=" Light  BLUE ", **again).status_code == 303

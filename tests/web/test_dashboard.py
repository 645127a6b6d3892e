"""What moderators and operators see of the service over time."""

import pytest

from tracker.figure_history import SPANS, WorkingSample

PLOTS = ["Announces a minute", "Peers", "Refused an hour", "Uploads an hour"]
OF_OPERATORS = ["Disk", "Time to write the swarms", "Jobs"]
FIRST = {"disk": 3 << 30, "uploads": 2, "flush": 1500, "refused.unlisted": 4}
SECOND = FIRST | {
    "uploads": 5,
    "refused.unlisted": 11,
    "refused.bad-port": 1,
    "declined.no-info": 2,
    "waiting": 7,
}


def fill(site):
    """Two samples, a minute apart, up to now."""
    history = site.pages.swarms.history
    for numbers in (FIRST, SECOND):
        site.run(history.sample())
        sample = WorkingSample(int(site.now), numbers)
        site.run(history._store.put_workings(sample, SPANS))
        site.now += 60
    site.now -= 60


def plots(page):
    return [given["aria-label"] for tag, given in page.tags if given.get("class") == "plot"]


def test_a_moderator_sees_what_is_answered_and_refused_by_code(site, moderator):
    browser = site.browser(moderator)
    assert "Nothing to plot yet" in browser.page("/moderation/dashboard").text
    fill(site)
    page = browser.page("/moderation/dashboard?span=hour")
    assert plots(page) == [f"{name} of the last hour" for name in PLOTS]
    for text in ("3 uploads in this span", "10 refused in this span", "0 open reports"):
        assert text in page.text
    assert "unlistedTorrent is not registered with this trackerannounces and scrapes7" in page.text
    assert "no-infoThe file is bencoded" in page.text
    for text in ("disk", "Jobs", "write the swarms", "jobs wait"):
        assert text not in page.text


def test_an_operator_sees_how_the_service_works_too(site, admin):
    fill(site)
    page = site.browser(admin).page("/moderation/dashboard?span=hour")
    assert plots(page) == [f"{name} of the last hour" for name in PLOTS + OF_OPERATORS]
    for text in ("3.00 GiB of disk free", "1.5 ms to write the swarms, last", "7 jobs wait for a slot"):
        assert text in page.text


@pytest.mark.parametrize("span", ["day", "month", "year", "nothing"])
def test_the_dashboard_shows_every_span(site, moderator, span):
    site.browser(moderator).page(f"/moderation/dashboard?span={span}")


def test_members_have_no_dashboard(site, anna):
    assert site.browser(anna).get("/moderation/dashboard").status_code == 403
    assert site.browser().get("/moderation/dashboard").status_code == 303


def test_the_service_notes_how_it_works(site, anna):
    site.upload(anna, "one")
    site.run(site.pages.swarms.history.sample())
    (sample,) = site.run(site.pages.swarms.history.workings(SPANS[0]))
    assert sample.numbers["uploads"] == 1
    assert sample.numbers["disk"] > 0
    assert sample.numbers["stored"] > 0

import re

import pytest

from accounts.model import Principal
from doors.byte_sizes import size
from tracker.address_figures import SeenAddress
from tracker.bonus import BonusPrices
from tracker.ledger import BatchNumber
from tracker.obligations import ObligationRules
from tracker.sessions import LastTotals, SessionDelta


def test_a_moderator_adds_a_rule_and_ends_it_and_lists_have_a_badge(site, moderator, anna, torrent):
    browser, reader = site.browser(moderator), site.browser(anna)
    assert site.browser(anna).get("/moderation/credit").status_code == 403
    assert (
        'title="Nothing that is downloaded of it counts">free</span>'
        not in reader.get("/search?q=nosferatu").text
    )

    answer = browser.submit(
        "/moderation/credit", "/moderation/credit", download="0", hours="2.5", reason="a day"
    )

    assert answer.status_code == 303
    for path in ("/search?q=nosferatu", f"/t/{torrent.id}"):
        assert 'title="Nothing that is downloaded of it counts">free</span>' in reader.get(path).text
    page = browser.get("/moderation/credit").text
    assert ("everything" in page, "a day" in page, "0 %" in page) == (True, True, True)
    site.now += 3 * 3600
    assert "There are none" in browser.get("/moderation/credit").text
    assert (
        'title="Nothing that is downloaded of it counts">free</span>'
        not in reader.get("/search?q=nosferatu").text
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Say what of uploads"),
        ({"upload": "x"}, "Upload: It is no whole number."),
        ({"upload": "1001"}, "Upload: It is not between 0 and 1000."),
        ({"upload": "1", "hours": "-1"}, "Hours: It is no number of hours."),
        ({"upload": "1", "begins": "inf"}, "Begins: It is no number of hours."),
        ({"upload": "1", "account": "zed"}, "no account has that name"),
        ({"upload": "1", "infohash": "zed"}, "That is no infohash"),
    ],
)
def test_what_is_no_rule_is_said_on_the_page(site, moderator, given, said):
    answer = site.browser(moderator).submit("/moderation/credit", "/moderation/credit", **given)
    assert answer.status_code in {400, 404, 422}
    assert said in answer.text


def test_a_token_is_given_and_spent_on_the_page_of_a_torrent(site, moderator, anna, torrent):
    browser = site.browser(moderator)
    rule = {"infohash": "ab" * 20, "upload": "200", "account": "anna"}
    browser.submit("/moderation/credit", "/moderation/credit", **rule)
    answer = browser.submit("/moderation/credit", "/moderation/credit/tokens", account="anna", tokens="2")
    assert answer.status_code == 303
    assert browser.submit(
        "/moderation/credit", "/moderation/credit/tokens", account="zed", tokens="2"
    ).status_code == (404)

    reader = site.browser(anna)
    assert "Use a token (2 left)" in reader.get(f"/t/{torrent.id}").text
    assert reader.submit(f"/t/{torrent.id}", f"/t/{torrent.id}/token").status_code == 303
    page = reader.get(f"/t/{torrent.id}").text
    assert ("free for you" in page, "Use a token" in page) == (True, False)
    assert "free for you" not in browser.get(f"/t/{torrent.id}").text


def test_a_moderator_marks_a_torrent_as_free_on_its_page(site, moderator, torrent):
    browser, path = site.browser(moderator), f"/t/{torrent.id}"
    assert browser.submit(path, f"{path}/mark", freeleech="9").status_code == 422
    assert browser.submit(path, f"{path}/mark", freeleech="2").status_code == 303
    assert "Nothing of it counts, up or down" in browser.get(path).text
    log = site.run(site.services.curation.log_entries(Principal(moderator), 0, 9))
    assert log.items[0].verb == "freeleech"


def test_points_are_spent_on_the_account_page_and_what_is_owed_is_listed(site, moderator, anna, torrent):
    browser = site.browser(anna)
    assert browser.get(f"/u/{anna.id}/traffic").status_code == 200
    assert browser.get(f"/u/{moderator.id}/traffic").status_code == 403
    assert "Traffic of" in site.browser(moderator).get(f"/u/{anna.id}/traffic").text
    assert f"/u/{anna.id}/traffic" not in site.browser(site.user("eve")).get(f"/u/{anna.id}").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get("/account").text)[1]
    answer = browser.send("/account/bonus", csrf=csrf, tokens="x")
    assert (answer.status_code, "Tokens: It is no number." in answer.text) == (422, True)
    site.services.membership.prices = BonusPrices(token=5)
    answer = browser.send("/account/bonus", csrf=csrf, tokens="1")
    assert (answer.status_code, "There are not so many points" in answer.text) == (409, True)
    site.services.membership.rules = ObligationRules(seed_time=3600)
    last = LastTotals(0, 5, int(site.now) - 1, True, True)
    moved = SessionDelta(anna.id, torrent.infohash, b"p" * 20, 0, 5, 0, 1, 0, last)
    ledger = site.services.ledger.store
    site.run(ledger.write(BatchNumber(0, site.run(ledger.begin_epoch(0)), 1), [moved]))
    page = browser.get(f"/u/{anna.id}/traffic").text
    assert ("hit and run" in page, torrent.title in page) == (True, True)


def test_what_does_not_add_up_is_on_a_page_for_moderators(site, moderator, anna, torrent):
    ledger, last = site.services.ledger.store, LastTotals(5000, 0, int(site.now), True, False)
    moved = SessionDelta(anna.id, torrent.infohash, b"p" * 20, 5000, 0, 0, 0, 0, last)
    seen = [SeenAddress(anna.id, int(site.now) // 86_400, bytes([at]) * 8) for at in range(77)]
    site.run(ledger.write(BatchNumber(0, site.run(ledger.begin_epoch(0)), 1), [moved], seen))
    assert site.browser(anna).get("/moderation/traffic").status_code == 403
    page = site.browser(moderator).get("/moderation/traffic").text
    assert page.count('<td class="n">77</td>') == 2
    assert ("anna" in page, torrent.title in page, f"+{size(5000)}" in page) == (True, True, True)

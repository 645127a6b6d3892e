"""Comments that wait for a moderator, on the pages."""

from catalogue.store import CommentWrite
from tests.web.test_accounts import csrf_of


def test_a_moderator_approves_or_refuses_what_waits(site, anna, moderator, torrent):
    group = site.catalogued(torrent).group.id
    ben = site.user("ben")
    add = site.services.catalogue.comments.add_comment
    good, bad = [
        site.run(add(group, ben.id, 1, CommentWrite(body=body, held=True)))
        for body in ("kind words", "an ad")
    ]
    page = f"/g/{group}"
    for who in (None, anna):
        text = site.browser(who).get(page).text
        assert "kind words" not in text
        assert "waits for a moderator" not in text
    assert "waits for a moderator" in site.browser(ben).get(page).text
    browser, queue = site.browser(moderator), "/moderation/comments"
    assert "an ad" in browser.get(queue).text
    assert site.browser(ben).get(queue).status_code in (403, 404)
    assert browser.send(f"{queue}/{good}/settle", csrf=csrf_of(browser), verdict="burn").status_code == 422
    assert (
        browser.send(f"{queue}/{good}/settle", csrf=csrf_of(browser), verdict="approve").headers["location"]
        == queue
    )
    assert (
        browser.send(f"{queue}/{bad}/settle", csrf=csrf_of(browser), verdict="refuse").headers["location"]
        == queue
    )
    shown = site.browser().get(page).text
    assert ("kind words" in shown, "an ad" in shown) == (True, False)
    assert "Nothing is waiting." in browser.get(queue).text
    log = browser.get("/moderation/log").text
    assert "approve" in log
    assert "refuse" in log

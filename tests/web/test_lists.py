"""The moderators' page of lists."""

import pytest

HASH = "ab" * 20


def test_a_moderator_blocks_a_torrent_and_lifts_the_block(site, moderator, anna):
    browser = site.browser(moderator)
    assert site.browser(anna).get("/moderation/lists").status_code == 403
    assert "This list is empty" in browser.get("/moderation/lists").text
    given = {"pattern": HASH, "reason": "asked for", "verdict": "deny"}
    assert browser.submit("/moderation/lists", "/moderation/lists/torrents", **given).status_code == 303
    page = browser.get("/moderation/lists").text
    assert (HASH in page, "asked for" in page) == (True, True)
    answer = browser.submit("/moderation/lists", f"/moderation/lists/torrents/{HASH}/lift", verdict="deny")
    assert answer.status_code == 303
    assert HASH not in browser.get("/moderation/lists").text


@pytest.mark.parametrize(
    ("about", "subject", "pattern"),
    [("clients", "client", "-UT ..3.5"), ("addresses", "address", "192.0.2.0/24")],
)
def test_a_moderator_denies_a_client_or_an_address_and_removes_the_rule(
    site, moderator, about, subject, pattern
):
    browser, path = site.browser(moderator), f"/moderation/lists?about={about}"
    given = {"pattern": pattern, "reason": "why not", "verdict": "deny"}
    assert browser.submit(path, "/moderation/lists/rules", **given).status_code == 303
    page = browser.get(path).text
    assert (pattern in page, "why not" in page, "denied" in page) == (True, True, True)
    assert browser.submit(path, "/moderation/lists/rules/1/remove").status_code == 303
    assert "This list is empty" in browser.get(path).text


@pytest.mark.parametrize(
    ("about", "given", "said"),
    [
        ("torrents", {"pattern": "x"}, "That is no infohash"),
        ("clients", {"pattern": "x" * 30}, "That is no client"),
        ("addresses", {"pattern": "10.0.0.1/8"}, "That is no address"),
        ("clients", {"pattern": "-UT", "reason": "a\x07b"}, "holds control characters"),
    ],
)
def test_what_cannot_be_is_said_on_the_page(site, moderator, about, given, said):
    action = "torrents" if about == "torrents" else "rules"
    answer = site.browser(moderator).submit(
        f"/moderation/lists?about={about}", f"/moderation/lists/{action}", **given
    )
    assert answer.status_code == 400
    assert said in answer.text

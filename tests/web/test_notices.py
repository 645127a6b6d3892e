import pytest

NOTICE = {
    "claimant": "Prana Film",
    "contact": "rights@prana.example",
    "work": "Nosferatu",
    "statement": "It is [b]ours[/b].\nAll of it.",
    "sworn": "1",
}


def send(browser, torrents, **changes):
    return browser.send("/takedown", **NOTICE | {"torrents": torrents} | changes)


def decide(browser, number, verdict):
    page, action = browser.page("/moderation/notices"), f"/moderation/notices/{number}/decide"
    form = next(form for form in page.forms if form.action == action)
    # The button that is pressed sends the verdict.
    return browser.send(action, **form.fields | {"answer": "as asked", "verdict": verdict})


@pytest.fixture
def desk(site, moderator):
    return site.browser(moderator)


def test_a_notice_of_anybody_is_decided_and_its_torrents_are_gone(site, torrent, desk):
    sent = send(site.browser(), f"http://site.test/t/{torrent.id} and {torrent.infohash.upper}")
    assert "It has the number 1." in sent.text
    queue = desk.page("/moderation/notices")
    for said in ("Prana Film", "rights@prana.example", "It is ours. All of it.", "1 torrent"):
        assert said in queue.text, said
    assert decide(desk, 1, "honour").status_code == 303
    assert site.browser().get(f"/t/{torrent.id}").status_code == 404
    assert "Nothing is waiting" in desk.page("/moderation/notices").text
    assert "as asked" in desk.page("/moderation/notices?decided=1").text
    log = desk.page("/moderation/log").text
    assert "takedown by Prana Film for Nosferatu: It is [b]ours[/b]. All of it." in log
    assert "honoured notice 1" in log


def test_the_public_is_told_who_claimed_what_and_not_of_what_torrents(site, torrent, moderator):
    desk = site.browser(moderator)
    assert "No notice came yet" in site.browser().page("/transparency").text
    send(site.browser(), torrent.infohash.upper)
    decide(desk, 1, "honour")
    site.now += 40 * 86_400
    send(site.browser(), "ab" * 20, work="Another")
    decide(site.browser(moderator), 2, "refuse")
    answer = site.browser().get("/transparency")
    for said in ("Prana Film", "Nosferatu", "Another", "2023-11", "2023-12", "honoured", "refused"):
        assert said in answer.text, said
    for hidden in ("rights@prana.example", torrent.infohash.upper, torrent.infohash.lower, "ab" * 20):
        assert hidden not in answer.text, hidden


def test_a_counter_notice_brings_the_torrents_back(site, torrent, desk, anna):
    send(site.browser(), torrent.infohash.upper)
    assert site.browser().get("/takedown?about=1").status_code == 409
    decide(desk, 1, "honour")
    site_links = [link["href"] for link in site.browser().page("/transparency").links]
    assert "/takedown?about=1" in site_links
    assert "This answers notice 1" in site.browser().page("/takedown?about=1").text
    answer = send(site.browser(), "", about="1", claimant="anna", statement="It is in the public domain.")
    assert "It has the number 2." in answer.text
    assert "Counter-notice 2, to notice 1" in desk.page("/moderation/notices").text
    assert site.run(site.pages.moderation.lists.lists.denied([torrent.infohash])) is not None
    assert decide(desk, 2, "honour").status_code == 303
    assert site.run(site.pages.moderation.lists.lists.denied([torrent.infohash])) is None
    assert site.browser().get("/takedown?about=2").status_code == 404


@pytest.mark.parametrize(
    ("torrents", "changes", "said"),
    [
        ("", {}, "No torrent is named"),
        ("/t/999 nothing", {}, "No torrent is named"),
        (" ".join(f"{number:040x}" for number in range(201)), {}, "More than 200"),
        ("ab" * 20, {"claimant": " "}, "The claimant field is required"),
        ("ab" * 20, {"statement": "x" * 10_001}, "longer than"),
        ("ab" * 20, {"sworn": ""}, "is true"),
    ],
)
def test_what_is_no_notice_is_said_beside_the_form(site, torrents, changes, said):
    answer = send(site.browser(), torrents, **changes)
    assert answer.status_code == 422
    assert said in answer.text
    assert "Prana Film" in answer.text or "claimant" in changes


def test_a_notice_is_decided_once_and_by_moderators_alone(site, torrent, desk, anna):
    send(site.browser(), torrent.infohash.upper)
    assert site.browser(anna).get("/moderation/notices").status_code == 403
    decide(desk, 1, "refuse")
    csrf = desk.page("/account").csrf
    again = desk.send("/moderation/notices/1/decide", csrf=csrf, answer="x", verdict="honour")
    assert again.status_code == 409
    assert (
        desk.send("/moderation/notices/9/decide", csrf=csrf, answer="x", verdict="honour").status_code == 404
    )
    assert desk.send("/moderation/notices/1/decide", csrf=csrf, answer="x", verdict="").status_code == 422
    assert site.browser().get(f"/t/{torrent.id}").status_code == 200

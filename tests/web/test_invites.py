import re

from tracker.standing import ClassRule


def test_a_friend_is_invited_and_joins_by_the_link(site, moderator, anna):
    browser, staff = site.browser(anna), site.browser(moderator)
    assert browser.submit("/account/invites", "/account/invites").status_code == 409
    path = f"/u/{anna.id}/invited"
    assert browser.get(path).status_code == 403
    assert staff.submit(path, f"/u/{anna.id}/invites", invites="x").status_code == 422
    assert staff.submit(path, f"/u/{anna.id}/invites", invites="1").status_code == 303

    made = browser.submit("/account/invites", "/account/invites")
    link = re.search(r"http://site\.test(/join/[\w-]+)", made.text)[1]
    assert made.headers["cache-control"] == "no-store"

    friend = site.browser()
    assert friend.get("/join/" + "x" * 43).status_code == 410
    assert friend.get(link).headers["referrer-policy"] == "no-referrer"
    given = {"name": "bob", "password": "a good long one", "again": "a good long one"}
    assert friend.send(link, **given | {"again": "another"}).status_code == 422
    assert friend.send(link, **given | {"name": "anna"}).status_code == 409
    assert friend.send(link, **given).status_code == 303
    assert "bob" in friend.get("/account").text
    assert friend.get(link).status_code == 410

    assert "bob" in browser.get("/account/invites").text
    tree = staff.get(path).text
    assert tree.index("anna") < tree.index("· <a")
    bob = site.run(site.accounts.user("bob"))
    assert "Let in by" in staff.get(f"/u/{bob.id}/invited").text


def test_an_invitation_is_withdrawn(site, admin):
    browser = site.browser(admin)
    browser.submit("/account/invites", "/account/invites")
    assert browser.submit("/account/invites", "/account/invites/1/withdraw").status_code == 303
    assert "nobody yet" not in browser.get("/account/invites").text


def test_the_class_is_on_the_page_of_an_account(site, anna):
    site.services.standings.classes = (ClassRule("Power <User>"),)
    site.run(site.services.standings.judge_all())
    assert "Power &lt;User&gt;" in site.browser(anna).get(f"/u/{anna.id}").text
    assert "You are Power &lt;User&gt;." in site.browser(anna).get("/account").text

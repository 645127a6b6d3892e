"""The pages name the feeds of what they list, for readers and for people."""

from urllib.parse import urlsplit

import feedparser
import httpx
import pytest
from starlette.applications import Starlette

from accounts.model import Scope
from doors.feeds import door
from doors.feeds.items import FeedServices
from tests.web.site import URL, Parsed, site_in


def alternates(page):
    links = [given for tag, given in page.tags if tag == "link" and given.get("rel") == "alternate"]
    return {given["type"]: given["href"] for given in links}


def feed(site, path):
    """Read a feed that a page names."""
    app = Starlette(routes=door.routes(site.services.of(FeedServices)))

    async def fetch():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
            return await client.get(path)

    answer = site.run(fetch())
    assert answer.status_code == 200, answer.text
    return [entry.title for entry in feedparser.parse(answer.content).entries]


def test_a_page_names_its_feeds_in_its_head_and_where_one_sees_it(site, anna, torrent):
    site.upload(None, "Another film.mkv")
    everything = ["Another film.mkv", "Nosferatu (1922).mkv"]
    one = ["Nosferatu (1922).mkv"]
    pages = {
        "/": everything,
        "/search": everything,
        "/search?q=nosferatu": one,
        "/search?q=film+-another&page=1": one,
        "/search?q=tag%3Ahorror&order=size&way=asc": one,
        "/search?order=name&way=desc": everything[::-1],
        f"/g/{torrent.group.id}": one,
        f"/u/{anna.id}": one,
    }
    for path, titles in pages.items():
        page = site.browser().page(path)
        found = alternates(page)
        assert found.keys() == {"application/rss+xml", "application/atom+xml"}
        assert set(found.values()) <= {link["href"] for link in page.links}
        for href in found.values():
            assert feed(site, href) == titles, path


@pytest.mark.parametrize("path", ["/login", "/search/help", "/nowhere"])
def test_a_page_without_a_list_names_none(site, path):
    answer = site.browser().get(path)
    assert answer.status_code == 404 or alternates(Parsed(answer.text)) == {}


def test_a_closed_catalogue_names_no_feed_to_nobody(tmp_path):
    with site_in(tmp_path, anonymous=frozenset()) as site:
        assert alternates(site.browser().page("/")) == {}


def test_every_page_tells_browsers_how_to_search(site):
    for path in ("/", "/login", "/search"):
        tags = site.browser().page(path).tags
        (given,) = [given for tag, given in tags if tag == "link" and given.get("rel") == "search"]
        assert given["href"] == "/opensearch.xml"
        assert given["type"] == "application/opensearchdescription+xml"


def test_a_new_feed_key_comes_with_addresses_to_paste(site, anna):
    browser = site.browser(anna)
    answer = browser.submit("/account", "/account/keys", scope="feed", label="reader", lifetime="")
    assert answer.status_code == 200
    text = Parsed(answer.text).text
    address = next(word for word in text.split() if "/bookmarks.rss?key=" in word)
    assert address.startswith(URL)
    parts = urlsplit(address)
    assert feed(site, f"{parts.path}?{parts.query}") == []
    assert f"{URL}/torznab" in text
    other = browser.submit("/account", "/account/keys", scope="rest", label="script", lifetime="")
    assert "/torznab" not in other.text


def test_a_feed_key_is_renewed_and_the_old_one_opens_nothing(site, anna):
    made = site.run(site.accounts.mint(anna.id, Scope.FEED, "reader", lifetime=86_400))
    browser = site.browser(anna)
    answer = browser.submit("/account", f"/account/keys/{made[0].id}/renew")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "bookmarks.rss?key=pg_feed_" in answer.text
    (kept,) = [key for key in site.run(site.accounts.keys(anna.id)) if not key.revoked]
    assert (kept.scope, kept.label, kept.expires - kept.created) == (Scope.FEED, "reader", 86_400)
    assert kept.id != made[0].id
    assert site.run(site.accounts.key(made[0].id)).revoked


def test_no_other_key_is_renewed(site, anna):
    script = site.run(site.accounts.mint(anna.id, Scope.REST, "script"))[0]
    others = site.run(site.accounts.mint(site.user("berta").id, Scope.FEED, "reader"))[0]
    browser = site.browser(anna)
    page = browser.page("/account")
    assert not [form for form in page.forms if form.action.endswith("/renew")]
    csrf = next(form.fields["csrf"] for form in page.forms if "csrf" in form.fields)
    for key in (script, others):
        assert browser.send(f"/account/keys/{key.id}/renew", csrf=csrf).status_code == 404
        assert not site.run(site.accounts.key(key.id)).revoked

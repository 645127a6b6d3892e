"""What browsers and crawlers find: the OpenSearch description and the sitemap."""

from xml.etree import ElementTree as ET

import pytest

from tests.support.feeds import open_feeds

OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def document(reader, path):
    answer = reader.ask(path)
    assert answer.status_code == 200, answer.text
    return ET.fromstring(answer.content)


def locations(reader, path):
    return [each.text for each in document(reader, path).iter(f"{SITEMAP}loc")]


def test_a_browser_learns_how_to_search(reader):
    tree = document(reader, "/opensearch.xml")
    assert tree.tag == f"{OPENSEARCH}OpenSearchDescription"
    assert 0 < len(tree.findtext(f"{OPENSEARCH}ShortName")) <= 16
    urls = {each.get("type"): each.get("template") for each in tree.iter(f"{OPENSEARCH}Url")}
    assert urls["text/html"] == "http://feeds.test/search?q={searchTerms}"
    reader.enter("harbour")
    feed = urls["application/rss+xml"].replace("{searchTerms}", "harbour").replace("{startPage?}", "1")
    assert reader.titles(feed) == ["harbour"]
    assert (
        reader.ask("/opensearch.xml")
        .headers["content-type"]
        .startswith("application/opensearchdescription+xml")
    )


def test_the_sitemap_lists_every_torrent_that_is_not_hidden_in_parts_that_stay(tmp_path):
    with open_feeds(tmp_path, sitemap_part=2) as reader:
        torrents = [reader.upload(f"number {number}") for number in range(5)]
        reader.hide(torrents[1])
        parts = locations(reader, "/sitemap.xml")
        assert parts == [f"http://feeds.test/sitemaps/{number}.xml" for number in range(3)]
        pages = [f"http://feeds.test/t/{each.id}" for each in torrents]
        assert [locations(reader, part) for part in parts] == [[pages[0]], [pages[2], pages[3]], [pages[4]]]
        first = reader.ask(parts[0]).headers["etag"]
        reader.upload("later")
        assert reader.ask(parts[0], {"If-None-Match": first}).status_code == 304
        (stamp,) = document(reader, parts[0]).iter(f"{SITEMAP}lastmod")
        assert stamp.text == "2026-12-13T12:00:00Z"


@pytest.mark.parametrize("number", ["x", "-1", "50000", "9" * 30, "%C2%B2", "1.5"])
def test_a_part_that_cannot_be_is_not_there(reader, number):
    assert reader.ask(f"/sitemaps/{number}.xml").status_code == 404


def test_a_sitemap_of_nothing_is_empty_and_so_is_a_part_beyond_the_last(reader):
    assert locations(reader, "/sitemap.xml") == []
    assert locations(reader, "/sitemaps/49999.xml") == []


def test_a_catalogue_for_accounts_has_no_sitemap_but_may_be_searched_by_browsers(tmp_path):
    with open_feeds(tmp_path, anonymous=frozenset()) as reader:
        assert reader.ask("/sitemap.xml").status_code == reader.ask("/sitemaps/0.xml").status_code == 401
        assert reader.ask("/opensearch.xml").status_code == 200
        assert "Sitemap" not in reader.ask("/robots.txt").text


def test_robots_are_told_of_the_sitemap_and_kept_out_of_searches(reader):
    lines = reader.ask("/robots.txt").text.splitlines()
    assert lines == [
        "User-agent: *",
        "Disallow: /torrent/",
        "Disallow: /search",
        "Disallow: /torznab/",
        "Sitemap: http://feeds.test/sitemap.xml",
    ]
    assert "Sitemap" not in reader.ask("/robots.txt", {"Host": "<x>"}).text

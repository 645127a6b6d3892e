import re
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.model import Principal
from catalogue.events import EventKind, ServiceEvent
from catalogue.model import Subject
from tests.web.site import Parsed

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "{{ 7 * 7 }}{% for x in y %}",
    "[url=javascript:alert(1)]x[/url]",
    '[url=http://a"onmouseover="alert(1)]x[/url]',
    "[quote=<b onclick=x>]y[/quote]",
    "&lt;script&gt;",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
]
CALM = {
    "html", "head", "meta", "title", "link", "script", "body", "a", "header", "div", "form", "input",
    "button", "nav", "main", "footer", "span", "h1", "h2", "h3", "p", "table", "caption", "thead", "tbody",
    "tr", "th", "td", "ul", "ol", "li", "dl", "dt", "dd", "bdi", "time", "b", "code", "pre", "details",
    "summary", "section", "article", "label", "textarea", "select", "option", "strong", "em", "br",
    "blockquote", "cite", "u", "s", "hr", "small", "svg", "symbol", "use", "path", "text", "i", "img",
    "aside", "meter", "progress",
}  # fmt: skip


def assert_calm(text):
    """Nothing but the elements that our templates write, and nothing that runs."""
    page = Parsed(text)
    for tag, given in page.tags:
        assert tag in CALM, tag
        if tag in {"script", "img"}:
            assert re.fullmatch(r"/(static/[a-z]+\.[0-9a-f]{12}\.\w+|t/\d+/qr\.svg)", given["src"]), given
        for name, value in given.items():
            assert not name.startswith("on"), (tag, given)
            if name in {"href", "action"}:
                assert re.match(r"(?:/|\?|#|https?://|magnet:|upload\.php|api/torrage\.wsdl)", value or ""), (
                    value
                )
    return page


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_people_write_becomes_markup(site, anna, attack):
    details = {
        "title": attack, "description": attack, "group_name": attack, "group_description": attack,
        "authors": [attack], "platform": attack, "format": attack, "license": attack,
        "scope": attack, "archive": attack, "organism": attack, "strain": attack, "accession": attack,
        "lab": attack, "location": attack,
    }  # fmt: skip
    files = {f"{attack.replace('/', '_')}.mkv": 1000, "b.txt": 5}
    torrent = site.upload(anna, attack.replace("/", "_"), details, files=files)
    browser = site.browser(anna)
    browser.submit(f"/t/{torrent.id}", f"/g/{torrent.group.id}/comments", body=attack)
    paths = ["/", "/search", f"/t/{torrent.id}", f"/g/{torrent.group.id}", f"/t/{torrent.id}/edit"]
    paths += [f"/g/{torrent.group.id}/edit", f"/u/{anna.id}", f"/report/torrent/{torrent.id}"]
    for path in paths:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert_calm(answer.text)
    search = site.run(browser.client.get("/search", params={"q": attack}))
    assert_calm(search.text)
    shown = browser.page(f"/t/{torrent.id}/edit").forms
    texts = next(form.fields for form in shown if form.action == f"/t/{torrent.id}/edit")
    assert texts["title"] == attack
    assert texts["description"] == attack


def test_a_torrent_shows_what_is_known_of_it(site, anna):
    torrent = site.upload(
        anna,
        "A Shelf",
        {"year": 1968, "authors": ["Mary <Shelley>"], "imdb": 63350, "tags": ["gothic"]},
        files={"one/a.epub": 1 << 20, "two/b.pdf": 2048},
    )
    page = site.browser().page(f"/t/{torrent.id}")
    for text in (
        "one/1.00 MiB, 1 file",
        "a.epub",
        "Mary <Shelley>",
        "1968",
        "tt0063350",
        torrent.infohash.upper,
        "anna",
    ):
        assert text in page.text, text
    hrefs = [link["href"] for link in page.links]
    assert f"/torrent/{torrent.infohash.upper}.torrent" in hrefs
    assert "/search?q=tag%3Agothic" in hrefs
    magnet = next(href for href in hrefs if href.startswith("magnet:"))
    fields = parse_qs(urlsplit(magnet).query)
    assert fields["xt"] == [f"urn:btih:{torrent.infohash.lower}"]
    assert fields["tr"] == ["http://site.test/announce", "http://tracker.example/announce"]


def test_all_files_are_there_in_pages_with_the_sizes_of_their_folders(site, anna):
    files = {f"part {n // 2000}/{n:04}.txt": 1024 for n in range(3003)} | {"readme.md": 7}
    torrent = site.upload(anna, "many", files=files)
    browser = site.browser()
    assert "3,004 files" in browser.page(f"/t/{torrent.id}").text
    first = browser.page(f"/t/{torrent.id}?tab=files")
    assert "0999.txt" in first.text
    assert "1000.txt" not in first.text
    assert "part 0/1.95 MiB, 2,000 files" in first.text
    (onward,) = [link["href"] for link in first.links if link.get("rel") == "next"]
    second = browser.page(f"/t/{torrent.id}{onward}")
    assert "1000.txt" in second.text
    last = browser.page(f"/t/{torrent.id}?tab=files&page=99")
    assert "readme.md" in last.text
    assert "Page 4 of 4" in last.text


def test_files_are_filtered_by_words_of_their_paths(site, anna):
    torrent = site.upload(
        anna, "many", files={f"{kind}/{n}.{kind}": 5 for kind in ("flac", "JPG") for n in range(30)}
    )
    browser = site.browser()
    page = browser.page(f"/t/{torrent.id}?tab=files&q=jpg+12")
    assert "1 file with" in page.text
    assert "12.JPG" in page.text
    assert "flac" not in page.text
    assert "No file is called so" in browser.page(f"/t/{torrent.id}?tab=files&q=%3Cb%3E").text
    assert_calm(browser.get(f"/t/{torrent.id}?tab=files&q=%22%3E%3Cscript%3E").text)


def test_folders_too_deep_are_written_as_paths(site, anna):
    torrent = site.upload(anna, "deep", files={"/".join("abcdefghijklmnopqrst") + "/x.txt": 1, "y.txt": 1})
    assert "m/n/o/p/q/r/s/t/x.txt" in site.browser().page(f"/t/{torrent.id}?tab=files").text


def test_peers_are_plotted_over_days_and_counted_by_country(site, torrent):
    from catalogue.model import SwarmStats

    browser, path = site.browser(), f"/t/{torrent.id}?tab=peers"
    text = browser.page(path).text
    assert "Nothing is known of earlier days yet" in text
    assert "No day has been counted yet" in text
    for _ in range(3):
        site.run(
            site.pages.catalogue.store.statistics.update_swarm_stats({torrent.infohash: SwarmStats(9, 3, 1)})
        )
        site.run(site.pages.swarms.history.sample())
        site.now += 86_400
    page = browser.page(path)
    (given,) = [given for tag, given in page.tags if given.get("class") == "plot"]
    assert given["aria-label"] == "Seeders and leechers of the last 30 days"
    lines = [given["d"] for tag, given in page.tags if given.get("class") == "line one"]
    assert lines[0].count("L") == 3


def test_trackers_stand_on_a_tab_of_their_own(site, torrent):
    assert "http://tracker.example/announce" in site.browser().page(f"/t/{torrent.id}?tab=trackers").text
    assert "About" in site.browser().page(f"/t/{torrent.id}?tab=nothing").text


def test_a_magnet_link_is_read_from_a_screen(site, torrent):
    answer = site.browser().get(f"/t/{torrent.id}/qr.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "private, max-age=3600"
    assert answer.text.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert len(answer.content) < 20_000
    assert site.browser().get("/t/99/qr.svg").status_code == 404


def test_what_equals_the_title_is_not_said_twice(site, anna):
    torrent = site.upload(
        anna, "Nosferatu.1922.mkv", {"title": "Nosferatu 1922 mkv", "group_name": "Nosferatu 1922 mkv"}
    )
    text = site.browser().page(f"/t/{torrent.id}").text
    assert "Group" not in text
    assert "Nosferatu.1922.mkv" not in text


@pytest.mark.parametrize("name", [
    "مجموعة الكتب العربية", "ספרי קלאסיקה בעברית", "東京の夜", "Ελληνική λογοτεχνία", "ชุดรวมหนังสือไทย",
    "🎬 film 🕵️‍♂️ noir", "x" * 255, "a\u0301\u0302\u0303" * 30, "A \u2066evil\u2069 name",
])  # fmt: skip
def test_names_of_every_script_and_length_stand_on_their_pages(site, anna, name):
    torrent = site.upload(anna, name)
    browser = site.browser()
    for path in ("/", "/search", f"/t/{torrent.id}", f"/g/{torrent.group.id}", f"/u/{anna.id}"):
        answer = browser.get(path)
        assert answer.status_code == 200
        page = Parsed(answer.text)
        assert torrent.title in page.text.replace("\u2068", "")
        shown = [tag for tag, _ in page.tags]
        assert "bdi" in shown
    assert browser.get(f"/t/{torrent.id}/qr.svg").status_code == 200


def test_an_anonymous_upload_names_nobody(site, anna):
    torrent = site.upload(anna, "quiet", {"anonymous": True})
    assert "anna" not in site.browser().page(f"/t/{torrent.id}").text


@pytest.mark.parametrize(
    "path",
    [
        "/t/0", "/t/-1", "/t/x", "/t/99999999999999999999", "/t/9223372036854775807", "/t/1%00", "/g/0", "/g/x",
        "/g/99999999999999999999999", "/u/0", "/u/x", "/c/0/edit", "/report/torrent/x", "/report/nothing/1",
        "/t/٣", "/t/" + "0" * 40,
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(site, anna, path):
    answer = site.browser(anna).get(path)
    assert answer.status_code == 404
    assert_calm(answer.text)


def test_a_bad_hash_is_an_error_of_the_one_who_asks(site):
    assert site.browser().get("/t/" + "z" * 40).status_code == 400


def test_an_owner_edits_a_torrent_and_its_group(site, anna, torrent):
    browser = site.browser(anna)
    answer = browser.submit(
        f"/t/{torrent.id}/edit", f"/t/{torrent.id}/edit", title="Nosferatu", anonymous="1"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"/t/{torrent.id}")
    group = f"/g/{torrent.group.id}"
    answer = browser.submit(
        f"{group}/edit", f"{group}/edit", tags="horror, vampires", year="1922", imdb="tt0013442"
    )
    assert answer.status_code == 303
    now = site.catalogued(torrent)
    assert (now.title, now.anonymous) == ("Nosferatu", True)
    assert (now.group.tags, now.group.year, now.group.imdb) == (("horror", "vampires"), 1922, 13442)
    assert now.description == "[b]Silent[/b] film"


def test_only_what_was_changed_in_a_form_is_written(site, anna, torrent):
    browser = site.browser(anna)
    sent = browser.page(f"/t/{torrent.id}/edit").forms
    fields = next(form.fields for form in sent if form.action == f"/t/{torrent.id}/edit")
    browser.submit(f"/t/{torrent.id}/edit", f"/t/{torrent.id}/edit", title="Meanwhile")
    browser.send(f"/t/{torrent.id}/edit", **fields | {"format": "DVD", "title": "Meanwhile"})
    now = site.catalogued(torrent)
    assert (now.title, now.format) == ("Meanwhile", "DVD")


def test_a_form_with_faults_comes_back_with_what_was_written_and_why(site, anna, torrent):
    group = f"/g/{torrent.group.id}"
    answer = site.browser(anna).submit(f"{group}/edit", f"{group}/edit", name="", year="soon", lab="<b>")
    assert answer.status_code == 422
    page = assert_calm(answer.text)
    assert "The year field must be a whole number." in page.text
    assert "The name field is required." in page.text
    fields = next(form.fields for form in page.forms if form.action == f"{group}/edit")
    assert (fields["year"], fields["lab"], fields["name"]) == ("soon", "<b>", "")
    assert site.catalogued(torrent).group.lab == ""


def test_somebody_else_edits_and_deletes_nothing(site, anna, torrent):
    browser = site.browser(site.user("eve"))
    csrf = browser.page("/account").csrf
    before = site.catalogued(torrent)
    for path, form in (
        (f"/t/{torrent.id}/edit", {"title": "mine"}),
        (f"/g/{torrent.group.id}/edit", {"name": "mine"}),
        (f"/t/{torrent.id}/delete", {}),
        (f"/t/{torrent.id}/block", {"reason": "no"}),
        (f"/t/{torrent.id}/mark", {"hidden": "1"}),
        (f"/g/{torrent.group.id}/lock", {"locked": "1"}),
    ):
        assert browser.send(path, csrf=csrf, **form).status_code == 403, path
    assert site.catalogued(torrent) == before
    page = browser.page(f"/t/{torrent.id}")
    assert not {f"/t/{torrent.id}/edit", f"/t/{torrent.id}/delete"} & {form.action for form in page.forms}


def test_an_owner_deletes_a_torrent(site, anna, torrent):
    browser = site.browser(anna)
    assert browser.submit(f"/t/{torrent.id}", f"/t/{torrent.id}/delete", reason="twice").status_code == 303
    browser.page(f"/t/{torrent.id}", 404)


def test_people_comment_edit_and_delete_what_they_said(site, anna, torrent):
    browser, group = site.browser(anna), f"/g/{torrent.group.id}"
    answer = browser.submit(f"/t/{torrent.id}", f"{group}/comments", body="[b]Great[/b]\nfilm")
    assert answer.headers["location"] == f"/t/{torrent.id}#comments"
    page = browser.page(group)
    assert ("strong", {}) in page.tags
    assert "[b]" not in page.text.replace("[b]bold[/b]", "")
    edit = next(link["href"] for link in page.links if re.fullmatch(r"/c/\d+/edit", link["href"] or ""))
    assert browser.submit(edit, edit, body="Better").status_code == 303
    assert "Better" in browser.page(group).text
    assert browser.submit(group, edit.replace("edit", "delete")).status_code == 303
    assert "Better" not in browser.page(group).text


def test_an_empty_comment_is_refused_with_a_sentence(site, anna, torrent):
    answer = site.browser(anna).submit(f"/t/{torrent.id}", f"/g/{torrent.group.id}/comments", body="  \n ")
    assert answer.status_code == 422
    assert "required" in answer.text


def test_an_anonymous_reader_is_sent_to_the_login_and_back(site, torrent):
    browser = site.browser()
    login = next(x["href"] for x in browser.page(f"/t/{torrent.id}").links if "next=" in (x["href"] or ""))
    form = next(form for form in browser.page(login).forms if form.action == "/login")
    assert form.fields["next"] == f"/t/{torrent.id}"
    assert browser.send(f"/g/{torrent.group.id}/comments", body="hi").status_code == 401


def test_moderators_hide_comments_and_lock_groups(site, anna, moderator, torrent):
    group = f"/g/{torrent.group.id}"
    site.browser(anna).submit(group, f"{group}/comments", body="spam spam")
    keeper = site.browser(moderator)
    hide = next(form.action for form in keeper.page(group).forms if form.action.endswith("/hide"))
    assert keeper.submit(group, hide).status_code == 303
    assert "spam spam" not in site.browser().page(group).text
    assert keeper.submit(group, f"{group}/lock").status_code == 303
    assert "This group is locked" in site.browser().page(group).text
    assert f"{group}/comments" not in {form.action for form in site.browser(anna).page(group).forms}


def test_a_report_reaches_the_moderators_and_is_resolved(site, anna, moderator, torrent):
    path = f"/report/{Subject.TORRENT.value}/{torrent.id}"
    assert site.browser(anna).submit(path, path, reason="<i>wrong</i>").status_code == 200
    keeper = site.browser(moderator)
    page = assert_calm(keeper.get("/moderation").text)
    assert "<i>wrong</i>" in page.text
    resolve = next(form.action for form in page.forms if form.action.endswith("/resolve"))
    assert keeper.submit("/moderation", resolve, resolution="it is right").status_code == 303
    assert "Nothing is waiting" in keeper.page("/moderation").text
    assert "it is right" in keeper.page("/moderation?resolved=1").text
    assert_calm(keeper.get("/moderation/log").text)
    assert site.browser(anna).get("/moderation").status_code == 403


def test_the_log_of_webhooks_is_an_admins_and_sends_again(site, admin, moderator, torrent):
    webhooks = site.services.webhooks
    assert "Nobody is told" in site.browser(admin).page("/moderation/webhooks").text
    site.run(webhooks.add(Principal(admin), "https://told.example/<hook>", frozenset({EventKind.UPLOAD})))
    site.run(webhooks.emit(ServiceEvent(EventKind.UPLOAD)))
    keeper = site.browser(admin)
    page = assert_calm(keeper.get("/moderation/webhooks").text)
    assert "https://told.example/<hook>" in page.text
    assert "waiting" in page.text
    resend = next(form.action for form in page.forms if form.action.endswith("/resend"))
    assert keeper.submit("/moderation/webhooks", resend).status_code == 303
    assert site.browser(moderator).get("/moderation/webhooks").status_code == 403


def test_admins_see_what_is_wrong_with_the_installation(site, admin, moderator):
    page = assert_calm(site.browser(admin).get("/moderation/doctor").text)
    assert "the C extension" in page.text
    assert "reads the databases whole" in page.text
    assert site.browser(moderator).get("/moderation/doctor").status_code == 403


def test_a_bookmark_is_set_and_taken_back(site, anna, torrent):
    browser, group = site.browser(anna), f"/g/{torrent.group.id}"
    assert browser.submit(group, f"{group}/bookmark").status_code == 303
    assert "Remove bookmark" in browser.page(group).text
    browser.submit(group, f"{group}/bookmark")
    assert "Remove bookmark" not in browser.page(group).text

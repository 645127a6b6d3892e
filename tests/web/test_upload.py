import pytest

from tests.web.site import Parsed, torrent_file


def publish(browser, data, **texts):
    form = next(form for form in browser.page("/upload").forms if form.action == "/upload")
    files = {"torrent": ("x.torrent", data, "application/x-bittorrent")}
    sent = {name: text for name, text in (form.fields | texts).items() if name != "torrent"}
    return browser.send("/upload", files=files, **sent)


def test_an_upload_is_its_uploaders_with_what_was_said_of_it(site, anna):
    browser = site.browser(anna)
    answer = publish(browser, torrent_file("Some.Film.1999.1080p.mkv"), tags="a, b", description="[b]x[/b]")
    assert answer.status_code == 303
    page = browser.page(answer.headers["location"])
    assert "Some.Film.1999.1080p.mkv" in page.text
    for text in ("a b Year1999", "Movies", "by anna"):
        assert text in page.text


def test_what_is_said_counts_more_than_the_name(site, anna):
    browser = site.browser(anna)
    answer = publish(browser, torrent_file("Some.Film.1999.mkv"), title="Other", year="1950", anonymous="1")
    text = site.browser().page(answer.headers["location"]).text
    assert "Other" in text
    assert "1950" in text
    assert "anna" not in text


@pytest.mark.parametrize(
    ("data", "texts", "status", "sentence"),
    [
        (b"junk", {}, 400, "not bencoded"),
        (b"", {}, 411, "Nothing was sent"),
        (torrent_file("x"), {"year": "soon"}, 422, "The year field must be a whole number."),
        (torrent_file("x"), {"category_id": "999"}, 422, "category_id"),
        (bytes(11 << 20), {}, 413, "larger"),
    ],
)
def test_a_refused_upload_says_why_and_keeps_what_was_written(site, anna, data, texts, status, sentence):
    browser = site.browser(anna)
    answer = publish(browser, data, tags="kept", **texts)
    assert answer.status_code == status
    page = Parsed(answer.text)
    assert sentence in page.text
    if status != 413:
        assert next(form for form in page.forms if form.action == "/upload").fields["tags"] == "kept"
    assert "Nothing is here yet" in browser.page("/").text


def test_what_somebody_else_uploaded_is_not_taken_over(site, anna):
    data = torrent_file("x")
    publish(site.browser(anna), data)
    assert publish(site.browser(site.user("eve")), data, title="mine").status_code == 409


def test_nobody_is_led_to_the_login(site):
    assert site.browser().get("/upload").headers["location"] == "/login?next=%2Fupload"

import pytest

from bittorrent.refusal import REASONS, Refusal
from doors.errors import autoupload_body, error_line, html_page, retry_seconds, status_digits


@pytest.mark.parametrize("code", REASONS)
def test_every_refusal_is_three_digits_and_one_line(code):
    refusal = Refusal(code, "a\r\nSet-Cookie: x\x00\u2028 \u4e16 \xe9")
    assert len(status_digits(refusal)) == 3
    assert status_digits(refusal).isdecimal()
    line = error_line(refusal)
    assert line.isprintable()
    assert line.encode("latin-1").splitlines() == [line.encode("latin-1")]
    assert autoupload_body(refusal) == f"Error {status_digits(refusal)}: {line}\n".encode("latin-1")


def test_a_blocked_torrent_reads_as_deleted_for_this_reason():
    assert error_line(Refusal("blocked", "asked by\nits author")) == "Deleted torrent: asked by its author"
    assert error_line(Refusal("blocked")) == "Deleted torrent: This torrent is blocked here."


def test_a_page_escapes_its_title_and_keeps_its_body():
    page = html_page("<b>&", "<p>body</p>")
    assert "&lt;b&gt;&amp;" in page
    assert "<b>" not in page
    assert "<p>body</p>" in page


def test_a_slowed_login_says_when_to_try_again():
    assert retry_seconds(Refusal("login-slowed", "17 seconds")) == 17
    assert retry_seconds(Refusal("busy", "17 seconds")) is None

"""The files of pages in an operator's colour and with a logo."""

import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from doors.logo import Logo
from doors.page_assets import PageAssets
from doors.page_layout import PageSite, render_layout
from doors.site_colours import colour_rules, contrast, read_colour

colours = st.tuples(*[st.integers(0, 255)] * 3)


def rgb(text):
    return tuple(int(text[at : at + 2], 16) for at in (1, 3, 5))


@given(colours)
def test_every_colour_is_made_readable_in_light_and_dark(colour):
    rules = colour_rules("#" + "".join(f"{each:02x}" for each in colour))
    light, dark = re.findall(r"--link: (#\w{6})", rules)
    mark, on_mark = re.findall(r"--mark: (#\w{6}); --on-mark: (#\w{6})", rules)[0]
    assert contrast(rgb(light), (255, 255, 255)) >= 4.5
    assert contrast(rgb(dark), (0x10, 0x14, 0x1A)) >= 4.5
    assert contrast(rgb(on_mark), rgb(mark)) >= 4.5


def test_a_colour_is_six_digits_or_none():
    assert (read_colour(""), read_colour("#0B57c2")) == ("", "#0b57c2")
    assert colour_rules("") == ""
    for wrong in ("red", "#123", "#12345g", "#123456;}"):
        with pytest.raises(ValueError, match="#0b57c2"):
            read_colour(wrong)


async def test_the_logo_stands_on_pages_and_runs_nothing():
    assets = PageAssets("#aa0000", Logo("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"))
    page = render_layout("x", "", site=PageSite("S", "/p", "We & Co", "mail@example.org", assets))
    assert f'<img src="/p/static/{assets.logo}" alt="">' in page
    assert '<a href="mailto:mail@example.org" rel="noopener">We &amp; Co</a>' in page
    app = Starlette(routes=[assets.route()])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site.test") as client:
        logo = await client.get(f"/static/{assets.logo}")
        assert logo.headers["content-type"] == "image/svg+xml"
        assert logo.headers["content-security-policy"].startswith("default-src 'none'; style-src")
        assert (await client.get("/static/nothing.css")).status_code == 404
        assert (await client.get(f"/static/{assets.style}")).text.count("--mark: #aa0000") == 2
        assert b"#aa0000" in (await client.get(f"/static/{assets.icon}")).content


def test_pages_without_an_operator_are_signed_with_the_name():
    assert "<span>Peerage</span>" in render_layout("x", "")

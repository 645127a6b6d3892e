"""Every page in Chromium: axe-core finds nothing, nothing is wider than the window, nothing breaks the policy, pages are light."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from doors.languages import COOKIE, Language
from tests.clients.pages.browser import WIDTHS, chromium
from tests.clients.pages.filled_site import ROLES, FilledSite
from tests.peerage.test_rights import GENEROUS, rows
from tests.support.messages import as_po, every_text, marked_texts
from tests.support.processes import PeerageProcess
from tests.web.site import site_in

pytestmark = pytest.mark.clients

LARGEST = 60_000
"""Bytes of a page as it is sent."""
MOST_REQUESTS = 3
"""A page, its style sheet and its script; the first two are painted from."""
WHOLE = (("light", "wide"), ("dark", "narrow"))
PSEUDO = """msgid ""
msgstr ""
"Language: ar\\n"
"X-Name: Pseudo\\n"
"X-Direction: rtl\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"""
"""The header of a language that is written from right to left, for tests."""
LOOKED_AT_IN_EVERY_LANGUAGE = {
    "/", "/search", "/t/1", "/t/1?tab=files", "/g/1", "/account", "/stats/plots", "/moderation", "/moderation/dashboard", "/upload", "/upload/many", "/about",
}  # fmt: skip
SCREENSHOTS = os.environ.get("PEERAGE_SCREENSHOTS")
"""A folder for pictures of every page, for whoever wants to look at them."""


@pytest.fixture(scope="module")
def peerage_settings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, object]:
    """Registration open, so that its page is there, and a language that is written from right to left."""
    folder = tmp_path_factory.mktemp("languages")
    marked = Language("ar", "Pseudo", "rtl", *marked_texts())
    (folder / "ar.po").write_text(as_po(PSEUDO, every_text(), marked))
    rates = {f"limits__{name}": rate for name, rate in GENEROUS.items()}
    return {
        "accounts__registration": "true",
        "site__operator": "The Operators",
        "site__languages": folder,
        **rates,
    }


@pytest.fixture(scope="module")
def filled(peerage_server: PeerageProcess) -> Iterator[FilledSite]:
    """A service with something on every page."""
    with contextlib.closing(FilledSite(peerage_server)) as site:
        site.fill()
        yield site


@pytest.fixture(scope="module")
def addresses(filled: FilledSite, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every page, from the table of routes crossed with that of rights."""
    with site_in(tmp_path_factory.mktemp("routes")) as site:
        paths = [route.path for route in site.routes if "GET" in (route.methods or ())]
    rights = rows()
    table = {path: rights.get(("GET", path), ()) for path in paths if not path.startswith("/static/")}
    return filled.addresses(table)


@pytest.fixture(scope="module")
def browser(addresses: dict[str, str]) -> Iterator[Browser]:
    """Chromium, started last: Playwright keeps an event loop in this thread."""
    with chromium() as browser:
        yield browser


def open_context(browser: Browser, site: FilledSite, role: str) -> BrowserContext:
    """A browser that is logged in as a role."""
    context = browser.new_context(base_url=site.service.url, locale="en-GB", reduced_motion="reduce")
    context.add_cookies(site.cookies(role))  # type: ignore[arg-type]
    return context


def findings(page: Page, axe: Axe, what: str) -> list[str]:
    """What is wrong with a page, light and dark, wide and narrow."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width, size in WIDTHS.items():
            page.set_viewport_size(size)  # type: ignore[arg-type]
            seen = f"{what}, {scheme}, {width}"
            # What differs by colour alone is looked at in all four, the rest in two.
            rules = None if (scheme, width) in WHOLE else {"runOnly": ["color-contrast"]}
            for each in axe.run(page, options=rules).response["violations"]:
                nodes = [f"{node['html'][:160]} {node['failureSummary'][:200]}" for node in each["nodes"][:2]]
                found.append(f"{seen}: {each['id']}: {nodes}")
            wider = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if wider > 0:
                found.append(f"{seen}: {wider} pixels wider than the window")
            if SCREENSHOTS:
                name = what.strip("/").replace("/", "-").replace("?", "_") or "front"
                page.screenshot(path=Path(SCREENSHOTS) / f"{name[:60]}.{scheme}.{width}.png", full_page=True)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_wrong_with_any_page(
    role: str, browser: Browser, filled: FilledSite, addresses: dict[str, str]
) -> None:
    context, axe, wrong = open_context(browser, filled, role), Axe(), []
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", lambda message: wrong.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    visited = 0
    for address, least in addresses.items():
        # A page looks another way for whoever may do more: everybody's for an admin too, the rest for who sees it.
        if least != role and not (role == "admin" and least == "nobody"):
            continue
        if role != "nobody" and address in {"/login", "/register"}:  # which lead on
            continue
        requests: list[str] = []
        page.on("request", lambda request, requests=requests: requests.append(request.url))
        answer = page.goto(address)
        assert answer is not None
        if answer.status >= 400:
            wrong = [each for each in wrong if "Failed to load resource" not in each]
            assert answer.status in (404, 405), (address, answer.status)
        sent = answer.request.sizes()["responseBodySize"]
        if sent > LARGEST:
            wrong.append(f"{address} has {sent} bytes")
        if len(set(requests)) > MOST_REQUESTS + 1:  # an icon is asked for beside the page
            wrong.append(f"{address} asks for {requests}")
        wrong += findings(page, axe, address)
        visited += 1
    context.close()
    assert visited
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("code", ["de", "ar"])
def test_pages_in_another_language_fit_and_are_laid_out_in_its_direction(
    code: str, browser: Browser, filled: FilledSite, addresses: dict[str, str]
) -> None:
    context, axe, wrong = open_context(browser, filled, "admin"), Axe(), []
    context.add_cookies([{"name": COOKIE, "value": code, "url": filled.service.url}])
    page = context.new_page()
    page.set_default_timeout(20_000)
    looked_at = [each for each in addresses if each in LOOKED_AT_IN_EVERY_LANGUAGE]
    assert len(looked_at) == len(LOOKED_AT_IN_EVERY_LANGUAGE)
    for address in looked_at:
        page.goto(address)
        assert page.locator("html").get_attribute("lang") == code
        assert page.locator("html").get_attribute("dir") == ("rtl" if code == "ar" else "ltr")
        menu, brand = page.locator(".top nav").bounding_box(), page.locator(".brand").bounding_box()
        assert menu is not None
        assert brand is not None
        if page.viewport_size == WIDTHS["wide"]:
            assert (brand["x"] > menu["x"]) == (code == "ar"), address
        wrong += findings(page, axe, f"{address} in {code}")
        page.set_viewport_size(WIDTHS["wide"])  # type: ignore[arg-type]
    context.close()
    assert not wrong, "\n".join(wrong)

"""What visitors, members, moderators and admins do on the pages, in Chromium, with JavaScript and without."""

import contextlib
import re
from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.clients.pages.browser import chromium
from tests.clients.pages.filled_site import PASSWORD, FilledSite
from tests.clients.swarm.client import free_port
from tests.peerage.test_rights import GENEROUS
from tests.support.processes import PeerageProcess
from tests.web.site import torrent_file

pytestmark = pytest.mark.clients

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])


@pytest.fixture(scope="module")
def peerage_settings() -> Mapping[str, object]:
    """Registration open."""
    rates = {f"limits__{name}": rate for name, rate in GENEROUS.items()}
    return {"accounts__registration": "true", **rates}


@pytest.fixture(scope="module")
def filled(peerage_server: PeerageProcess) -> Iterator[FilledSite]:
    """A service with something on every page."""
    with contextlib.closing(FilledSite(peerage_server)) as site:
        site.fill()
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as browser:
        yield browser


@contextlib.contextmanager
def page_of(browser: Browser, site: FilledSite, *, scripts: bool, role: str = "nobody") -> Iterator[Page]:
    """A page of a browser in which a role is logged in."""
    context = browser.new_context(base_url=site.service.url, locale="en-GB", java_script_enabled=scripts)
    context.add_cookies(site.cookies(role))  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield page
    context.close()


@SCRIPTS
def test_a_visitor_finds_a_torrent_and_looks_at_it(
    browser: Browser, filled: FilledSite, scripts: bool
) -> None:
    with page_of(browser, filled, scripts=scripts) as page:
        page.goto("/")
        page.get_by_role("searchbox", name="Search torrents").fill("nosferatu")
        page.get_by_role("main").get_by_role("button", name="Search").click()
        page.get_by_role("table", name="Torrents found").get_by_role("link", name="Nosferatu").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Nosferatu")
        assert (page.get_by_role("link", name="Magnet link").get_attribute("href") or "").startswith(
            "magnet:?"
        )
        page.get_by_role("link", name="Files").click()
        expect(page.get_by_role("link", name="Files")).to_have_attribute("aria-current", "page")
        page.get_by_role("link", name="Comments").click()
        expect(page.locator("#comments article").first).to_contain_text("Good")
        page.get_by_role("link", name="Browse").click()
        page.get_by_role("region", name="Category").get_by_role("link", name="Movies").click()
        expect(page.get_by_role("list", name="Filters that are on")).to_contain_text("category:")
        page.get_by_role("link", name="Size").click()
        expect(page.get_by_role("columnheader", name="Size")).to_have_attribute("aria-sort", "descending")


@SCRIPTS
def test_a_newcomer_registers_uploads_comments_and_leaves(
    browser: Browser, filled: FilledSite, scripts: bool
) -> None:
    name = f"newcomer-{int(scripts)}"
    with page_of(browser, filled, scripts=scripts) as page:
        page.goto("/login")
        page.get_by_role("link", name="Make an account").click()
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        page.get_by_role("link", name="Upload").click()
        file = {"name": "a.torrent", "mimeType": "application/x-bittorrent"}
        file["buffer"] = torrent_file(f"Journey of {name}.mkv")  # type: ignore[assignment]
        page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
        page.get_by_role("main").get_by_role("button", name="Upload").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Journey")
        page.get_by_label("Add a comment").fill("[b]First[/b]")
        page.get_by_role("button", name="Comment").click()
        expect(page.locator("#comments .prose")).to_have_text("First")
        page.get_by_role("button", name="Bookmark").click()
        expect(page.get_by_role("button", name="Remove bookmark")).to_be_visible()
        page.get_by_role("link", name=name).first.click()
        page.get_by_label("Label").fill("a script")
        page.get_by_role("button", name="Make a key").click()
        expect(page.get_by_role("status")).to_contain_text("shown this once")
        page.get_by_role("button", name="Revoke a script").click()
        expect(page.get_by_text("You have none.")).to_be_visible()
        page.get_by_role("navigation", name="Site").get_by_role("button", name="Log out").click()
        expect(page.get_by_role("link", name="Log in")).to_be_visible()


@SCRIPTS
def test_a_moderator_settles_a_report_and_an_admin_adds_an_account(
    browser: Browser, filled: FilledSite, scripts: bool
) -> None:
    assert filled.send("user", "/report/group/1", reason=f"twice {scripts}").status_code == 200
    with page_of(browser, filled, scripts=scripts, role="moderator") as page:
        page.goto("/")
        page.get_by_role("link", name="Moderation").click()
        report = page.locator("article", has_text=f"twice {scripts}")
        report.get_by_label("What was done").fill("merged")
        report.get_by_role("button", name="Resolve").click()
        page.get_by_role("link", name="Resolved").click()
        expect(page.locator("article", has_text=f"twice {scripts}")).to_contain_text("merged")
    with page_of(browser, filled, scripts=scripts, role="admin") as page:
        page.goto("/moderation")
        page.get_by_role("link", name="People").click()
        page.get_by_label("Name").fill(f"somebody-{int(scripts)}")
        page.get_by_role("button", name="Add").click()
        page.get_by_role("button", name="Make a one-time link").click()
        expect(page.locator(".secret")).to_contain_text("/welcome/")


def test_keys_walk_the_rows_and_explain_themselves(browser: Browser, filled: FilledSite) -> None:
    with page_of(browser, filled, scripts=True) as page:
        page.goto("/search")
        expect(page.locator("button.copy")).to_have_count(0)
        page.keyboard.press("j")
        page.keyboard.press("j")
        expect(page.locator("tr.here")).to_have_count(1)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_contain_text("next row")
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox", name="Search torrents").first).to_be_focused()


@pytest.fixture(scope="module")
def named(peerage_settings: Mapping[str, object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that has a name which browsers take for devices."""
    port = free_port()
    url = f"http://localhost:{port}"
    data, settings = tmp_path_factory.mktemp("named") / "data", {**peerage_settings, "public_url": url}
    service = PeerageProcess(data, settings, listen=f"127.0.0.1:{port}")
    service.start()
    yield url
    service.stop()


def test_a_member_adds_a_device_and_logs_in_by_it_alone_and_after_the_password(
    browser: Browser, named: str
) -> None:
    context = browser.new_context(base_url=named, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(20_000)
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
    }
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto("/register")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.goto("/account/second-factor")
    page.get_by_label("What to call it").fill("my laptop")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Add a device").click()
    expect(page.get_by_role("status")).to_contain_text("recovery codes")
    expect(page.locator("summary")).to_contain_text("my laptop")
    leave = page.get_by_role("navigation", name="Site").get_by_role("button", name="Log out")
    leave.click()
    page.goto("/login?next=/upload")
    page.get_by_role("button", name="Log in with a device").click()
    expect(page).to_have_url(f"{named}/upload")
    leave.click()
    page.goto("/login")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_text("Now your device")).to_be_visible()
    page.get_by_role("button", name="Use your device").click()
    expect(leave).to_be_visible()
    page.goto("/account/second-factor")
    page.locator("summary").click()
    page.locator("details").get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Remove it my laptop").click()
    expect(page.locator("details")).to_have_count(0)
    context.close()


@SCRIPTS
def test_a_member_uploads_many_and_corrects_what_is_refused(
    browser: Browser, filled: FilledSite, scripts: bool
) -> None:
    kind, mark = "application/x-bittorrent", f"of {int(scripts)}"
    names = [f"Survey {number} {mark} 1999.mkv" for number in range(23)]
    files = [{"name": f"{name}.torrent", "mimeType": kind, "buffer": torrent_file(name)} for name in names]
    files += [{"name": "broken.torrent", "mimeType": kind, "buffer": b"junk"}, files[0]]
    with page_of(browser, filled, scripts=scripts, role="moderator") as page:
        page.goto("/upload")
        page.get_by_role("link", name="Many at once").click()
        page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
        page.get_by_label("Magnet links").fill(
            f"magnet:?xt=urn:btih:{int(scripts):040x}&dn=Linked+{mark}\nno link"
        )
        page.get_by_role("button", name="Read them").click()
        rows = page.locator(".bulk > li")
        expect(rows).to_have_count(27)
        expect(page.locator(".bulk [name^='title.']")).to_have_count(24)
        expect(page.locator(".bulk .fault")).to_have_text(
            [re.compile("not bencoded"), re.compile("waits in another row"), re.compile("no magnet link")]
        )
        first = rows.filter(has=page.locator(f"[value='{names[0]}']"))
        expect(first.get_by_label("Year")).to_have_value("1999")
        first.get_by_label("Year").fill("soon")
        first.get_by_label("Tags").fill("maps")
        rows.filter(has=page.locator(f"[value='{names[1]}']")).get_by_role("button").click()
        expect(page.locator(f".bulk [value='{names[1]}']")).to_have_count(0)
        page.get_by_role("button", name="Upload these").click()
        expect(page.locator(".bulk .done")).to_have_count(22)
        expect(first).to_contain_text("must be a whole number")
        expect(first.get_by_label("Tags")).to_have_value("maps")
        first.get_by_label("Year").fill("1998")
        page.get_by_role("button", name="Upload these").click()
        page.locator(".bulk .done").get_by_role("link", name=names[0]).click()
        expect(page.get_by_role("main")).to_contain_text("maps")
        expect(page.get_by_role("main")).to_contain_text("1998")


@SCRIPTS
def test_a_moderator_chooses_in_a_list_and_undoes_it(
    browser: Browser, filled: FilledSite, scripts: bool
) -> None:
    with page_of(browser, filled, scripts=scripts, role="moderator") as page:
        page.goto("/search?q=bach")
        page.get_by_label("Choose").first.check()
        page.get_by_text("With those that are chosen").click()
        page.get_by_label("Reason").fill("look at it")
        page.get_by_role("button", name="Do it").click()
        expect(page.get_by_role("status")).to_contain_text("hide: 1 torrent.")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("status")).to_contain_text("show: 1 torrent.")
        page.get_by_role("link", name="Back to the list").click()
        expect(page.get_by_role("table", name="Torrents found")).not_to_contain_text("hidden")
        page.goto("/moderation/log")
        expect(page.get_by_role("main")).to_contain_text("look at it")


def test_files_and_links_are_dropped_anywhere_on_the_page(browser: Browser, filled: FilledSite) -> None:
    dropped = """([file, link]) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(file)], "dropped.torrent"));
        data.setData("text/plain", link);
        const event = { dataTransfer: data, bubbles: true, cancelable: true };
        document.querySelector("h1").dispatchEvent(new DragEvent("drop", event));
    }"""
    with page_of(browser, filled, scripts=True, role="moderator") as page:
        page.goto("/upload/many")
        link = f"magnet:?xt=urn:btih:{7:040x}&dn=A+dropped+link.iso"
        page.evaluate(dropped, [list(torrent_file("A dropped file.iso")), link])
        titles = page.locator(".bulk [name^='title.']")
        expect(titles).to_have_count(2)
        expect(titles.first).to_have_value("A dropped file.iso")
        expect(titles.last).to_have_value("A dropped link.iso")
        page.get_by_role("button", name="Remove all").click()
        expect(page.locator("form.drafts")).to_be_hidden()
        page.reload()
        expect(page.locator("form.drafts")).to_be_hidden()


def test_rows_that_did_not_arrive_are_tried_again(browser: Browser, filled: FilledSite) -> None:
    kind = "application/x-bittorrent"
    file = {"name": "a.torrent", "mimeType": kind, "buffer": torrent_file("Lost on the way.iso")}
    with page_of(browser, filled, scripts=True, role="moderator") as page:
        page.goto("/upload/many")
        page.route("**/upload/many", lambda route: route.abort())
        page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
        expect(page.locator(".bulk .fault")).to_contain_text("It did not arrive.")
        page.unroute("**/upload/many")
        page.get_by_role("button", name="Try again").click()
        expect(page.locator(".bulk [name^='title.']")).to_have_value("Lost on the way.iso")
        page.route(
            "**/upload/many/send",
            lambda route: route.fulfill(status=429, headers={"Retry-After": "1"}),
            times=1,
        )
        page.get_by_role("button", name="Upload these").click()
        expect(page.locator(".bulk .done")).to_contain_text("Lost on the way.iso")

import re
import tomllib
from pathlib import Path

from prometheus_client import generate_latest
from starlette.routing import Route

from accounts.model import Scope
from accounts.rights import Right
from bittorrent.refusal import REASONS
from catalogue.visibility import as_markdown as visibility_table
from peerage import __version__
from peerage.commands.registry import every_command
from peerage.config import Settings, as_markdown
from peerage.listeners import Listeners
from peerage.routes import make_app
from peerage.wiring.application import open_application

TREE = Path(__file__).parents[2]
DOCS = TREE / "docs"


def rows(page):
    """The cells of every table row of a page."""
    lines = (DOCS / page).read_text().splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")
    ]


def test_every_setting_is_documented_as_it_is():
    assert as_markdown() in (DOCS / "settings.md").read_text()


def test_the_table_of_visibility_is_documented_as_it_is():
    assert visibility_table() in (DOCS / "visibility.md").read_text()


def test_every_error_code_is_documented_as_it_is():
    documented = [tuple(cells) for cells in rows("errors.md") if len(cells) == 3]
    assert documented == [(f"`{row.code}`", str(row.status), row.sentence) for row in REASONS.values()]


async def test_every_route_is_documented_and_no_other(tmp_path):
    async with open_application(Settings.of(data=tmp_path / "data")) as application:
        routes = make_app(application, Listeners(application)).routes
    known = set()
    for route in routes:
        assert isinstance(route, Route)
        # Announce and scrape check the method themselves.
        known.add((f"`{route.path}`", ", ".join(sorted(route.methods or {"GET"}))))
    assert {(cells[0], cells[1]) for cells in rows("routes.md")} == known


def test_every_command_is_documented_and_no_other():
    found = [re.findall(r"`peerage ([a-z]+(?: [a-z]+)?)", cells[0]) for cells in rows("operations.md")]
    declared = {" ".join(command.path) for command in every_command().values()}
    assert {name for names in found for name in names} == declared | {
        "serve",
        "settings",
        "completion",
        "upgrade",
        "vacuum",
        "maintenance",
        "dns",
        "restore",
        "move",
        "init",
    }


def test_every_right_and_every_scope_of_keys_is_documented():
    assert {f"`{each}`" for each in [*Right, *Scope]} <= {cells[0] for cells in rows("accounts.md")}


async def test_every_figure_is_documented(tmp_path):
    async with open_application(Settings.of(data=tmp_path / "data")) as application:
        app = make_app(application, Listeners(application))
        door = next(route for route in app.routes if route.path == "/metrics").endpoint.__self__
        page = generate_latest(door._registry).decode()
    text = (DOCS / "operations.md").read_text()
    figures = set(re.findall(r"# TYPE (peerage_\w+)", page))
    assert figures
    for name in ("dashboard.json", "alerts.yml"):
        asked = re.findall(r"peerage_\w+", (DOCS / "monitoring" / name).read_text())
        assert {re.sub(r"_(bucket|sum|count)$", "", each) for each in asked} <= figures
    assert not {name for name in figures if f"`{name}`" not in text}


def test_links_between_pages_lead_somewhere():
    for page in [*DOCS.rglob("*.md"), *TREE.glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def anchors(page):
    """The names of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_links_to_headings_lead_to_headings():
    for page in [*DOCS.rglob("*.md"), *TREE.glob("*.md")]:
        for target, name in re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", page.read_text()):
            assert name in anchors(page.parent / target if target else page), f"{page.name}: {target}#{name}"


def test_every_page_is_in_the_menu_of_the_site():
    menu = (TREE / "mkdocs.yml").read_text()
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if path.parent.name != "decisions"}
    named = set(re.findall(r"^ *- (?:[^\n:]+: )?([\w/-]+\.md)$", menu, re.MULTILINE))
    assert pages - named == set()


def test_the_version_is_the_same_everywhere():
    assert tomllib.loads((TREE / "pyproject.toml").read_text())["project"]["version"] == __version__
    newest = re.search(r"^## \[(\d[^\]]*)\]", (TREE / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest[1] == __version__

"""Every link to a path of our own is below the root path: written where that is put in front, or made by what does it."""

import ast
import re
from pathlib import Path

import pytest
from starlette.routing import Route

from doors.root_path import rooted
from peerage.config import Settings
from peerage.listeners import Listeners
from peerage.routes import make_app
from peerage.setting_values import read_public_url
from peerage.wiring.application import open_application
from tests.house.test_tree import MODULES, TREE, named

TEMPLATES = sorted((TREE / "web" / "templates").glob("*.html"))
# A value may hold quotes in braces, such as a template's `{{ {'q': 'a "b"'} }}`.
ATTRIBUTE = re.compile(
    r'\b(href|src|action|formaction|poster|srcset)=(?:"((?:\{\{.*?\}\}|[^"])*)"|([^"\s>]*))'
)
LINKED = re.compile(r"\b(?:href|src|action|formaction)=[\"']?/(?!/)")
OURS = re.compile(r"/(?!/)")
RELATIVE = re.compile(r"[?#]|https://")
MADE = {
    "{{ feeds.atom }}",
    "{{ feeds.rss }}",
    "{{ group.picture }}",
    "{{ link }}",
    "{{ link(page + 1) }}",
    "{{ link(page - 1 if page <= last else last) }}",
    "{{ magnet }}",
    "{{ magnet }}&amp;tr={{ announce }}",
    "{{ sorts[order].link }}",
    "{{ chip.link }}",
    "{{ choice.link }}",
    "{{ search_request.other(better) }}",
    "{{ sorts.relevance.link }}",
    "{{ view.file_links[0][2] }}",
    "{{ view.zip_link }}",
}
"""Links that are made elsewhere: URLs with scheme and host, queries alone, or paths by `PageContext.link`."""
REDIRECTS = {
    "doors/file_answers.py": ["f'{base}/torrent/{infohash}.torrent'"],
    "doors/gazelle/door.py": ["'login.php'"],
    "doors/gazelle/login.py": ["'index.php'", "'login.php'", "'./'"],
    "doors/root_path.py": ["f\"{scope['path']}/{(f'?{query}' if query else '')}\""],
    "doors/torbox/download_links.py": ["url"],
    "doors/tracker_stats.py": ["'stats/plots'"],
    "peerage/app.py": ["f\"{self._root}{quote(other)}{(f'?{query}' if query else '')}\""],
    "web/page_context.py": ["self.link(path)"],
}
"""What redirects lead to, by module: relative to the request, below the public URL, or with the root in front."""
COOKIES = {
    "doors/authentication.py": ["self._path", "self._path"],
    "doors/qbittorrent/login.py": ["_path(exchange)", "_path(exchange)"],
    "web/language.py": ["context.link('/')"],
}


def calls(tree: ast.Module, *names: str) -> list[ast.Call]:
    """The calls of functions or methods by name in a module."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [each for each in found if getattr(each.func, "attr", getattr(each.func, "id", "")) in names]


def holds_links(node: ast.AST) -> bool:
    """Whether a node is a text that holds a link to a path of our own."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(LINKED.search(node.value))


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_every_link_of_a_template_is_put_below_the_root_or_needs_it_not(path: Path) -> None:
    source = path.read_text()
    below = rooted(source, "/root")
    for found in ATTRIBUTE.finditer(source):
        value = found[2] if found[2] is not None else found[3]
        if OURS.match(value):
            assert f'{found[1]}="/root{value}"' in below, (
                f"{value} is not written as links are: a name, = and quotes"
            )
        else:
            assert RELATIVE.match(value) or value in MADE, f"{value}: begin it with a slash in the template"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_markup_with_links_in_a_module_is_a_constant_that_goes_through_rooted(path: Path) -> None:
    tree = ast.parse(path.read_text())
    constants = [
        node for node in tree.body if isinstance(node, ast.Assign) and any(map(holds_links, ast.walk(node)))
    ]
    within = {node for constant in constants for node in ast.walk(constant)}
    loose = [node for node in ast.walk(tree) if holds_links(node) and node not in within]
    assert not loose, [f"{ast.unparse(each)} is no constant" for each in loose]
    names = {ast.unparse(target) for constant in constants for target in constant.targets}
    used = [each for each in ast.walk(tree) if isinstance(each, ast.Name) and each.id in names]
    through = [call.args[0] for call in calls(tree, "rooted")]
    assert {each.id for each in used if isinstance(each.ctx, ast.Load) and each not in through} == set()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_redirects_and_cookies_are_those_that_are_below_the_root(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert [ast.unparse(call.args[0]) for call in calls(tree, "RedirectResponse")] == REDIRECTS.get(
        named(path), []
    )
    cookies = calls(tree, "set_cookie", "delete_cookie")
    paths = [ast.unparse(each.value) for call in cookies for each in call.keywords if each.arg == "path"]
    assert len(paths) == len(cookies)
    assert paths == COOKIES.get(named(path), [])


async def test_a_root_begins_as_no_route_does(tmp_path: Path) -> None:
    async with open_application(Settings.of(data=tmp_path / "data")) as application:
        routes = make_app(application, Listeners(application)).routes
    firsts = {route.path.split("/")[1] for route in routes if isinstance(route, Route)} - {"", "{passkey}"}
    for first in {each.replace("{version}", "2") for each in firsts}:
        with pytest.raises(ValueError, match="its path may not begin with"):
            read_public_url(f"https://example.org/{first}/below")

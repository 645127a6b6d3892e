"""What the documentation's site is made of beside `docs/`, and the checks of what was built.

MkDocs calls the functions that begin with `on_`. Pages of the tree outside `docs/` and the generated reference are
pages of the site too. A link to any other file of the tree must lead somewhere, and becomes its text: the site holds
no source.
"""

import logging
import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

TREE = Path(__file__).parents[2]
DOCS = TREE / "docs"
REFERENCE = TREE / "build" / "reference"
TREE_PAGES = {
    "README.md": "tour.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Pages of the tree outside `docs/`, and what they are called on the site."""
DECISIONS = "decisions/index.md"
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`[^`\n]*`)")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?![a-z]+:|#)([^)#\s]*)(#[^)\s]*)?\)")
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "srcset")}
"""What a browser loads by itself."""

log = logging.getLogger("mkdocs.hooks.site")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the tree, those of the reference, and the list of decisions."""
    for path, name in TREE_PAGES.items():
        files.append(File.generated(config, name, content=(TREE / path).read_text()))
    made = sorted(REFERENCE.iterdir()) if REFERENCE.is_dir() else []
    if not made:
        log.warning("build/reference is empty: `make docs` generates it")
    for path in made:
        files.append(File.generated(config, f"reference/{path.name}", content=path.read_text()))
    files.append(File.generated(config, DECISIONS, content=_decisions()))
    mark = (TREE / "doors" / "static" / "mark.svg").read_text()
    files.append(
        File.generated(config, "site/logo.svg", content=mark.replace('"COLOUR"', '"#fff" fill-opacity=".15"'))
    )
    files.append(File.generated(config, "site/mark.svg", content=mark.replace("COLOUR", "#0b57c2")))
    return files


def _decisions() -> str:
    lines = ["# Decisions", "", "Why things are as they are, in the order in which they were decided.", ""]
    for path in sorted((DOCS / "decisions").glob("*.md")):
        title = path.read_text().partition("\n")[0].removeprefix("# ")
        lines.append(f"- {path.name[:4]} [{title}]({path.name})")
    return "\n".join([*lines, ""])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the links of a page at the site's pages, and leave those to other files of the tree as text."""
    names = {name: path for path, name in TREE_PAGES.items()}
    source = names.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return "".join(
        part if part.lstrip().startswith("```") else _outside_code(part, source, page.file.src_uri)
        for part in FENCED.split(markdown)
    )


def _outside_code(text: str, source: str, place: str) -> str:
    # A link whose text is code holds backticks, so links are found first and code that holds one stays.
    codes = [found.span() for found in CODE.finditer(text)]

    def placed(found: re.Match[str]) -> str:
        inside = any(start < found.start() and found.end() < end for start, end in codes)
        return found[0] if inside else _link(found, source, place)

    return LINK.sub(placed, text)


def _link(found: re.Match[str], source: str, place: str) -> str:
    mark, text, target, fragment = found[1], found[2], found[3], found[4] or ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    where = TREE_PAGES.get(path)
    if where is None and path == "docs/decisions":
        where = DECISIONS
    if where is None and path.startswith("docs/"):
        where = path.removeprefix("docs/")
    if where is None:
        if not (TREE / path).exists():
            log.warning("%s links to %s, which is not there", source, target)
        return text
    return f"{mark}[{text}]({posixpath.relpath(where, posixpath.dirname(place) or '.')}{fragment})"


def on_post_build(config: MkDocsConfig) -> None:
    """Check every link and anchor of the built pages, and that nothing is loaded from elsewhere."""
    site = Path(config.site_dir)
    pages = {path.resolve(): _Parsed.of(path) for path in site.rglob("*.html")}
    for path, parsed in pages.items():
        name = path.relative_to(site.resolve())
        for problem in _problems(path, parsed, pages):
            log.warning("%s: %s", name, problem)


class _Parsed(HTMLParser):
    """The links of a page, what it loads, and the anchors in it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors = {"", "top"}

    @classmethod
    def of(cls, path: Path) -> "_Parsed":
        parsed = cls()
        parsed.feed(path.read_text())
        return parsed

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element links to, loads and is called."""
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        for name in ("href", "src", "srcset"):
            if (value := given.get(name)) is None:
                continue
            if (tag, name) in LOADED and given.get("rel") not in {"canonical", "next", "prev"}:
                self.loaded.append(value)
            if name != "srcset":
                self.links.append(value)


def _problems(path: Path, parsed: _Parsed, pages: dict[Path, _Parsed]) -> Iterator[str]:
    for url in parsed.loaded:
        if urlsplit(url).netloc:
            yield f"loads {url}"
    for url in parsed.links:
        parts = urlsplit(url)
        # What the site cannot know: other hosts, and addresses of the root in its own page of an error.
        if parts.scheme or parts.netloc or path.name == "404.html":
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            yield f"links to {url}, which is not there"
        elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
            yield f"links to {url}, which has no such anchor"

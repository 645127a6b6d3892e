"""Jinja2 templates, autoescaped, compiled once for each language, with filters for sizes, times and numbers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce

from jinja2 import Environment, PackageLoader, StrictUndefined, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from catalogue.bbcode import render
from catalogue.model import Category
from doors.languages import ENGLISH, Language
from doors.root_path import rooted

_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that datetime knows


class Templates:
    """The templates of the pages in a language, their links below `root`; an undefined name in one is an error."""

    def __init__(self, root: str = "", language: Language = ENGLISH) -> None:
        self._templates = _Environment(root, language)
        filters: dict[str, Callable[..., object]] = {
            "size": language.size,
            "day": language.day,
            "moment": language.moment,
            "decimal": language.decimal,
            "count": language.count,
            "say": language.say,
            "sentence": language.sentence,
            "markup": _markup,
            "exact": exact,
            "icon": icon,
        }
        self._templates.filters.update(filters)
        self._templates.globals["plural_form"] = language.form_of

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Render a template, named without its `.html`, to HTML."""
        return self._templates.get_template(f"{name}.html").render(values)


class RowTemplate:
    """HTML with places for what is another with each request, behind every text of the record."""

    __slots__ = ("_format",)

    def __init__(self, html: str, places: Sequence[str]) -> None:
        """Cut the HTML at the last of each of the places, in their order."""
        pieces: list[str] = []
        for place in reversed(places):
            html, found, after = html.rpartition(place)
            assert found
            pieces.insert(0, after)
        self._format = "%s".join(piece.replace("%", "%%") for piece in (html, *pieces))

    def __len__(self) -> int:
        """Return its length in characters."""
        return len(self._format)

    def fill(self, *texts: str) -> str:
        """Return the row with these texts in its places, as HTML; none of them needs escaping."""
        return self._format % texts


class _Environment(Environment):
    """Puts the texts of a language and the root path into templates before they are compiled: no page looks them up."""

    def __init__(self, root: str, language: Language) -> None:
        super().__init__(
            loader=PackageLoader("web"),
            autoescape=True,
            auto_reload=False,  # it looks at every file of a page with each request
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self.newstyle_gettext = True  # the extension adds it
        self._translation = _Translation(root, language)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        parsed = super()._parse(source, name, filename)
        self._translation.visit(parsed)
        return parsed


class _Translation(NodeTransformer):
    """Replaces texts by those of a language, and links by those below a root path."""

    def __init__(self, root: str, language: Language) -> None:
        self._root = root
        self._language = language

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.TemplateData:  # noqa: N802 - Jinja's name
        node.data = rooted(node.data, self._root)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        named = node.node.name if isinstance(node.node, nodes.Name) else ""
        values = {each.key: each.value for each in node.kwargs}
        if named in {"_", "gettext"}:
            return self._filled(self._language.text(_constant(node.args[0])), values)
        if named != "ngettext":
            return node
        one, many, number = _constant(node.args[0]), _constant(node.args[1]), node.args[2]
        forms = [self._filled(text, values) for text in self._language.forms_of(one, many)]
        chosen: nodes.Expr = nodes.Call(nodes.Name("plural_form", "load"), [number], [], None, None)
        return reduce(
            lambda rest, at: nodes.CondExpr(
                nodes.Compare(chosen, [nodes.Operand("eq", nodes.Const(at))]), forms[at], rest
            ),
            range(len(forms) - 1),
            forms[-1],
        )

    def _filled(self, text: str, values: Mapping[str, nodes.Expr]) -> nodes.Expr:
        """Return the expression of a text, which is HTML of ours, with values in its places, which are escaped."""
        text = rooted(text, self._root)
        pieces: list[nodes.Expr] = []
        while text:
            before, place, rest = text.partition("%(")
            name, _, text = rest.partition(")s") if place else ("", "", "")
            if before:
                pieces.append(nodes.MarkSafe(nodes.Const(before.replace("%%", "%"))))
            if place:
                pieces.append(values[name])
        return pieces[0] if len(pieces) == 1 else nodes.Concat(pieces)


def _constant(node: nodes.Expr) -> str:
    assert isinstance(node, nodes.Const)
    return str(node.value)


def exact(seconds: int) -> str:
    """Format a unix time as machines read it (ISO 8601)."""
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def icon(category: Category) -> str:
    """Return the name of a category's icon; a subcategory has that of the one above it."""
    return f"i{category.id if category.parent is None else category.parent}"


def _markup(text: str) -> Markup:
    return Markup(render(text))  # noqa: S704 - the one place where text becomes HTML

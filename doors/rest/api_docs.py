"""`/api/openapi.json` and `/api/docs`: the REST API's documentation, the page without JavaScript."""

import asyncio
import json
from collections.abc import Sequence
from functools import cached_property
from html import escape
from typing import Any

from starlette.responses import Response

from doors.errors import html_page
from doors.rest.openapi import document, path_schema, schema_of, statuses
from doors.rest.operation import Operation, RestContext, RestServices

VERSION = "1.0.0"

# Stricter than those of other pages: no address of ours is of interest to those it links to.
_HTML_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class ApiDocs:
    """Serves the documentation of operations, its own included; each is rendered once, when it is first asked for."""

    def __init__(self, services: RestServices, operations: Sequence[Operation]) -> None:
        self.operations = (
            Operation(
                "GET",
                "/openapi.json",
                "describe",
                "Describe every operation to programs",
                "reference",
                self._openapi_json,
                media="application/json",
            ),
            Operation(
                "GET",
                "/docs",
                "explain",
                "Describe every operation to people",
                "reference",
                self._docs_page,
                media="text/html",
            ),
        )
        self._services = services
        self._everything = (*self.operations, *operations)
        self._title = f"{services.site.name}: REST API"

    async def _openapi_json(self, context: RestContext) -> Response:
        # In a thread, since it takes a tenth of a second.
        return Response(await asyncio.to_thread(lambda: self._json), media_type="application/json")

    async def _docs_page(self, context: RestContext) -> Response:
        return Response(self._html, media_type="text/html", headers=_HTML_HEADERS)

    @cached_property
    def _json(self) -> bytes:
        admission = self._services.admission
        base = (admission.public_url or "").rstrip("/") + "/api"
        described = document(
            self._everything, admission.rights, title=self._title, version=VERSION, base=base
        )
        return json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode()

    @cached_property
    def _html(self) -> str:
        root = self._services.admission.root_path
        return html_page(self._title, _body(self._everything, root), self._services.site)


def _body(operations: Sequence[Operation], root: str) -> str:
    tags = dict.fromkeys(operation.tag for operation in operations)
    sections = [
        f'<h2 id="{escape(tag)}">{escape(tag.capitalize())}</h2>\n'
        + "\n".join(_section(operation) for operation in operations if operation.tag == tag)
        for tag in tags
    ]
    links = " ".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in tags)
    return f"{_introduction(root)}<p>{links}</p>\n" + "\n".join(sections)


def _introduction(root: str) -> str:
    return f"""\
<p>The same for programs, as OpenAPI 3.1: <a href="openapi.json">openapi.json</a>.
Paths begin with <code>{root}/api</code>.</p>
<p>Send a token of <code>POST /login</code> as <code>Authorization: Bearer</code>. Answers are
<code>{{"success": true, "data": …}}</code>, of a collection with <code>"meta"</code>, of a refusal
<code>{{"success": false, "error": {{"code": …, "message": …}}}}</code>.</p>
"""


def _section(operation: Operation) -> str:
    needs = (
        operation.right.value if operation.right is not None else "an account" if operation.account else ""
    )
    rows = [(name, "path", path_schema(name)) for name in operation.parameters]
    rows += [(name, "query", schema_of(field)) for name, field in operation.query.items()]
    if operation.form:
        rows.append(("file", "form, required", {"type": "a .torrent file"}))
    place = "form" if operation.form else "body"
    rows += [
        (name, f"{place}, required" if name in operation.required else place, schema_of(field))
        for name, field in (operation.body or {}).items()
    ]
    refused = ", ".join(map(str, statuses(operation)))
    status = 204 if operation.answers is None and operation.media is None else operation.status
    return (
        f'<h3 id="{escape(operation.name)}"><code>{operation.method} {escape(operation.path)}</code></h3>\n'
        f"<p>{escape(operation.summary)}.{f' Needs <em>{escape(needs)}</em>.' if needs else ''} "
        f"Answers {status}; refuses with {refused}.</p>\n{_table(rows)}"
    )


def _table(rows: Sequence[tuple[str, str, dict[str, Any]]]) -> str:
    if not rows:
        return ""
    cells = "\n".join(
        f"<dt><code>{escape(name)}</code> <small>{escape(place)}</small></dt><dd>{escape(_describe(schema))}</dd>"
        for name, place, schema in rows
    )
    return f"<dl>\n{cells}\n</dl>\n"


def _describe(schema: dict[str, Any]) -> str:
    """Return a schema in a few words."""
    if "anyOf" in schema:
        return " or ".join(_describe(each) for each in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    words = str(schema["type"])
    if words == "array":
        return f"at most {schema['maxItems']} of: {_describe(schema['items'])}"
    words += f" from {schema['minimum']} to {schema['maximum']}" if "maximum" in schema else ""
    words += f" of at most {schema['maxLength']} characters" if "maxLength" in schema else ""
    words += f" matching {schema['pattern']}" if "pattern" in schema else ""
    return f"{words}. {schema['description']}" if "description" in schema else words

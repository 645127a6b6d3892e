"""Pages of the reference, made of what the program itself declares: `python -m peerage.reference_pages DIR`."""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message

from peerage.command_tree import CommandNode, CommandOption, command_tree
from peerage.config import Settings
from peerage.listeners import Listeners
from peerage.logs import configure_logs
from peerage.routes import make_app
from peerage.sections import LogSection
from peerage.wiring.application import open_application

_METHODS = ("get", "post", "put", "patch", "delete")
_CONTROLLED = {"--json", "--data", "--config", "--help"}
"""Options that nearly every command takes, described once."""
_ABOUT_COMMANDS = """\
Every command as its `--help` tells it. Status 0 is success, 1 a refusal or a problem, 2 a wrong command line or
setting. `--data PATH`, `--config FILE` and `--json` are taken by each that reaches the service.
[Operations](../operations.md#commands) says what they are for."""
_ABOUT_FIGURES = """\
What `/metrics` holds, as a service that has just started answers it. Alerts, and what each figure is good for, are in
[operations](../operations.md#health-and-figures)."""
_ABOUT_OPERATIONS = """\
Every operation, as `/api/openapi.json` describes it to programs: [that document](openapi.json) of a service with every
setting at its default. What holds for all of them is on [the page of the API](../apis/rest.md)."""


async def reference_pages() -> Mapping[str, str]:
    """Return each page by its file's name: commands, figures, and the REST API with its OpenAPI document."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_application(Settings.of(data=Path(folder, "data"))) as application:
            app = make_app(application, Listeners(application))
            described = await _answer(app, "/api/openapi.json")
            figures = await _answer(app, "/metrics")
    return {
        "commands.md": commands_page(command_tree()),
        "figures.md": figures_page(figures),
        "openapi.md": openapi_page(json.loads(described)),
        "openapi.json": described,
    }


async def _answer(app: ASGIApp, path: str) -> str:
    """Return the body that the application answers on a GET from this machine."""
    body = bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise ValueError(f"{path} answers {message['status']}")
        body.extend(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:6969")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 6969),
        "state": {},
    }
    await app(scope, receive, send)
    return body.decode()


def commands_page(tree: CommandNode) -> str:
    """Return the page of commands: every one with its usage, help and options."""
    lines = [
        "# Commands",
        "",
        _ABOUT_COMMANDS,
    ]
    for node in tree.walk():
        if node.path and not node.below:
            lines += _command(node)
    return "\n".join([*lines, ""])


def _command(node: CommandNode) -> Iterator[str]:
    yield from ("", f"## peerage {' '.join(node.path)}", "", "```text", node.usage, "```", "")
    yield _prose(node.help)
    if node.path == ("serve",):
        yield from ("", "Its options are the [settings](../settings.md).")
        return
    options = [each for each in node.options if not _CONTROLLED & set(each.names)]
    if options:
        yield from ("", "| option | meaning |", "|---|---|")
        yield from (f"| {_option(each)} | {_option_help(each)} |" for each in options)


def _option(option: CommandOption) -> str:
    names = ", ".join(f"`{name}`" for name in option.names)
    return f"{names} {_cell(option.value)}".strip()


def _option_help(option: CommandOption) -> str:
    choices = f" One of {', '.join(f'`{each}`' for each in option.choices)}." if option.choices else ""
    return _cell(_prose(option.help)) + choices


def figures_page(exposed: str) -> str:
    """Return the page of figures, from an answer of `/metrics`."""
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", exposed, re.MULTILINE))
    lines = [
        "# Figures",
        "",
        _ABOUT_FIGURES,
        "",
        "| figure | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", exposed, re.MULTILINE):
        samples = rf"^{re.escape(name)}(?:_bucket|_sum|_count)?\{{([^}}]*)\}}"
        labels = dict.fromkeys(
            label
            for found in re.findall(samples, exposed, re.MULTILINE)
            for label in re.findall(r'(\w+)="', found)
            if label != "le"
        )
        shown = ", ".join(f"`{each}`" for each in labels)
        lines.append(f"| `{name}` | {kind} | {shown} | {_cell(_prose(helps.get(name, '')))} |")
    return "\n".join([*lines, ""])


def openapi_page(document: Mapping[str, Any]) -> str:
    """Return the page of the REST API's operations, from its OpenAPI document."""
    lines = [
        "# Operations of the REST API",
        "",
        _ABOUT_OPERATIONS,
    ]
    for tag in document["tags"]:
        lines += ["", f"## {tag['name'].capitalize()}"]
        for path, methods in document["paths"].items():
            for method in _METHODS:
                operation = methods.get(method)
                if operation is not None and tag["name"] in operation["tags"]:
                    lines += _operation(path, method, operation)
    return "\n".join([*lines, ""])


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"### {operation['operationId']}", "")
    needs = f" {operation['description']}" if "description" in operation else ""
    yield f"`{method.upper()} /api{path}` — {_prose(operation['summary'])}.{needs}"
    statuses = list(operation["responses"])
    done = [each for each in statuses if each < "400"]
    refused = [each for each in statuses if each >= "400"]
    yield from ("", f"Answers {' or '.join(done)}; refuses with {', '.join(refused)}.")
    rows = [*_parameters(operation), *_fields(operation)]
    if rows:
        yield from ("", "| name | where | what |", "|---|---|---|")
        yield from (f"| `{name}` | {place} | {_cell(what)} |" for name, place, what in rows)


def _parameters(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for each in operation.get("parameters", ()):
        yield each["name"], each["in"], describe(each["schema"])


def _fields(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        place = "form" if media.startswith("multipart/") else "body"
        schema = content["schema"]
        for name, of in schema["properties"].items():
            required = ", required" if name in schema.get("required", ()) else ""
            yield name, place + required, describe(of)


def describe(schema: Mapping[str, Any]) -> str:
    """Return a JSON Schema of one of our fields in a few words."""
    if "anyOf" in schema:
        return " or ".join(describe(each) for each in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("format") == "binary":
        return "a file"
    words = str(schema["type"])
    if words == "array":
        return f"at most {schema['maxItems']:,} of: {describe(schema['items'])}"
    if "maximum" in schema:
        words += f" from {schema['minimum']:,} to {schema['maximum']:,}"
    if "maxLength" in schema:
        words += f" of at most {schema['maxLength']:,} characters"
    if "pattern" in schema:
        words += f" matching `{schema['pattern']}`"
    return f"{words}. {schema['description']}" if "description" in schema else words


def _prose(text: str) -> str:
    """Return a text in which Markdown sees nothing but words."""
    return re.sub(r"([*_<\[\]])", r"\\\1", re.sub(r"(?<!\n)\n(?!\n)\s*", " ", text).replace("\f", "").strip())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main(arguments: Sequence[str]) -> int:
    """Write the pages into the folder that is named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m peerage.reference_pages DIR\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    configure_logs(LogSection(level="error"))
    for name, text in asyncio.run(reference_pages()).items():
        (folder / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The texts of the interface, as the catalogues must have them: those of templates, of code, and of deeper packages.

`python -m tests.support.messages` writes them into every catalogue: new ones without a translation, gone ones dropped.
"""

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, nodes

from bittorrent.refusal import REASONS
from catalogue import syntax
from catalogue.categories import BUILTIN_CATEGORIES
from catalogue.fields import CategoryChange, CollageChange, GroupChange, TorrentChange, labels_of, table_of
from doors.languages import Language, read_catalogue

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "doors/locales"
TEMPLATES = ROOT / "web/templates"
SHOWN = ("web", "doors")
"""Packages whose code marks the texts that it shows."""
DEEPER = ("accounts", "actions", "catalogue", "downloads", "tracker", "web", "doors", "lists", "cache")
"""Packages whose sentences about faults reach the pages."""
WORDS = (  # noqa: SIM905 - as prose
    # Roles, subjects, states and spans, whose values are shown.
    "user moderator admin torrent group comment category tag author collage account key hybrid "
    "downloading uploading paused completed cached metaDL checkingResumeData waiting delivered failed "
    "Hour Day Month Year Name Password Again Tokens Scope Lifetime Current Invites Claimant Contact Work Statement Torrents Code "
    # What moderators do, as the log says it.
    "add edit delete move hide show lock unlock merge split own block unblock allow disallow resolve post alias unalias "
    "freeleech enable disable set-role set-password issue-link export credit end-credit grant-tokens grant-invites "
    "mint revoke suspend resume renew client address notice open honoured refused reset-passkey end-sessions end-second-factor"
).split()
ABOUT_A_VALUE = ("It ", "They ", "There ")
DETAILS = ("%(v0)s seconds", "no account has that name", "at most %(v1)s", "the collage is locked")
"""Facts beside a refusal that members meet; the others, of damaged files and of programs' requests, stay English."""

Text = tuple[str, ...]
"""An English text, or those for one and for many."""


def environment() -> Environment:
    """The environment that reads templates as the pages do."""
    read = Environment(extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True, autoescape=True)
    read.newstyle_gettext = True  # type: ignore[attr-defined]
    return read


def of_templates() -> Iterator[Text]:
    """The texts that templates mark."""
    for path in sorted(TEMPLATES.glob("*.html")):
        for call in environment().parse(path.read_text()).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in {"_", "gettext", "ngettext"}:
                many = 2 if call.node.name == "ngettext" else 1
                yield tuple(each.value for each in call.args[:many])  # type: ignore[attr-defined]


def of_code() -> Iterator[Text]:
    """The texts that code marks: `message("…")`, `….plural("…", "…", …)`, and `{t[…]}` in layouts."""
    for path in sorted(each for package in SHOWN for each in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from ((found,) for found in re.findall(r"\{t\[([^\]]+)\]\}", node.value))
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id == "message":
                yield (ast.literal_eval(node.args[0]),)
            if isinstance(node.func, ast.Attribute) and node.func.attr == "plural":
                yield ast.literal_eval(node.args[0]), ast.literal_eval(node.args[1])


def of_faults() -> Iterator[Text]:
    """The sentences of refusals, of what fields may hold, and the labels of fields."""
    # Those of announces, which clients show, end without a full stop; no page shows them.
    yield from ((each.sentence,) for each in REASONS.values() if each.sentence.endswith("."))
    yield from ((detail,) for detail in DETAILS)
    for path in sorted(each for package in DEEPER for each in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            yield from ((sentence,) for sentence in _sentences(node))
    for change in (TorrentChange, GroupChange):
        for label in labels_of(change).values():
            yield from ((text,) for text in (label.text, label.hint) if text)
    for name in {
        name
        for each in (TorrentChange, GroupChange, CollageChange, CategoryChange)
        for name in table_of(each)
    }:
        yield (name.capitalize(),)
    yield from ((name,) for name in BUILTIN_CATEGORIES)
    yield from ((word,) for word in WORDS)
    yield from ((expected,) for expected in syntax._EXPECTED.values())


def _sentences(node: ast.AST) -> Iterator[str]:
    """The sentences about a value that a call or a list holds: they begin with "It", "They" or "There"."""
    held = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.List) else []
    for each in held:
        text = _text(each)
        if text.startswith(ABOUT_A_VALUE) and text.endswith("."):
            yield text
    if isinstance(node, ast.Call):
        for given in (each.value for each in node.keywords if each.arg == "fields"):
            for value in given.values if isinstance(given, ast.Dict) else ():
                if isinstance(value, ast.List):
                    yield from (text for each in value.elts if (text := _text(each)))


def _text(node: ast.expr) -> str:
    """An English text with its values as places; "" for what is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return ""
    pieces = []
    for number, part in enumerate(node.values):
        pieces.append(str(part.value) if isinstance(part, ast.Constant) else f"%(v{number})s")
    return "".join(pieces) if any(" " in each for each in pieces) else ""


def every_text() -> dict[str, Text]:
    """Every text by its first English form."""
    found = {text[0]: text for text in (*of_code(), *of_faults())}
    return found | {text[0]: text for text in of_templates()}


def catalogues() -> dict[str, Language]:
    """The languages of the package, by their codes."""
    return {path.stem: read_catalogue(path.read_text()) for path in LOCALES.glob("*.po")}


def marked_texts() -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Texts of a language for tests: the English ones between marks, so that what is not looked up can be seen."""
    texts = {first: f"«{first}»" for first, text in every_text().items() if len(text) == 1}
    kept = {"1,234.5", "%Y-%m-%d", "%Y-%m-%d %H:%M", "%H:%M"}
    forms = {text[0]: (f"«{text[0]}»", f"«{text[1]}»") for text in every_text().values() if len(text) == 2}
    return {first: first if first in kept else text for first, text in texts.items()}, forms


def quoted(text: str) -> str:
    """A text as a .po file has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def as_po(header: str, texts: dict[str, Text], language: Language) -> str:
    """A catalogue of these texts, with what a language has of them."""
    entries = [header.rstrip()]
    for first, text in sorted(texts.items(), key=lambda each: each[0].casefold()):
        if len(text) == 1:
            said = quoted(language.texts.get(first, ""))
            entries.append(f"msgid {quoted(first)}\nmsgstr {said}")
        else:
            forms = language.forms.get(first, ("", ""))
            lines = [f"msgid {quoted(first)}", f"msgid_plural {quoted(text[1])}"]
            entries.append(
                "\n".join([*lines, *(f"msgstr[{at}] {quoted(each)}" for at, each in enumerate(forms))])
            )
    return "\n\n".join(entries) + "\n"


def update() -> None:
    """Write the texts into every catalogue."""
    for path in LOCALES.glob("*.po"):
        written = path.read_text()
        header = written.split("\n\n", 1)[0]
        path.write_text(as_po(header, every_text(), read_catalogue(written)))


if __name__ == "__main__":
    assert files("doors").joinpath("locales").is_dir()
    update()

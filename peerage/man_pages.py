"""Manual pages made of the help: `python -m peerage.man_pages DIR` writes those of commands and of the settings."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from peerage import __version__
from peerage.command_tree import PROGRAM, CommandNode, command_tree
from peerage.config import SettingRow, rows


def man_pages() -> Iterator[tuple[str, str]]:
    """Yield each page: its file's name and its text in roff."""
    tree = command_tree()
    for each in (tree, *tree.below):
        name = "-".join([PROGRAM, *each.path])
        yield f"{name}.1", _command_page(each, name)
    yield f"{PROGRAM}.toml.5", _settings_page()


def _command_page(node: CommandNode, name: str) -> str:
    lines = [_head(name, "1"), ".SH NAME", rf"{_escaped(name)} \- {_escaped(node.summary.rstrip('.'))}"]
    leaves = [each for each in node.walk() if not each.below] if node.path else [node]
    lines += [".SH SYNOPSIS", *[line for each in leaves for line in (f".B {_escaped(each.usage)}", ".br")]]
    lines += [".SH DESCRIPTION", *_paragraphs(node.help)]
    if node.below:
        lines.append(".SH COMMANDS")
        for each in node.below:
            lines += [".TP", f".B {_escaped(' '.join(each.path))}", *_paragraphs(each.help)]
            lines += _options(each) if node.path else [f"See {_escaped('-'.join([PROGRAM, *each.path]))}(1)."]
    if node.options and not (node.path and node.below):
        lines += [".SH OPTIONS", *_options(node)]
    lines += [".SH EXIT STATUS", "0 is success, 1 a refusal or a problem, 2 a wrong command line or setting."]
    also = f"{PROGRAM}.toml(5)" if not node.path else f"{PROGRAM}(1), {PROGRAM}.toml(5)"
    return "\n".join([*lines, ".SH SEE ALSO", _escaped(also), ""])


def _options(node: CommandNode) -> list[str]:
    lines = []
    for option in node.options:
        takes = f" {option.value}" if option.value else ""
        text = option.help + (f" One of {', '.join(option.choices)}." if option.choices else "")
        lines += [
            ".TP",
            f".B {_escaped(', '.join(option.names) + takes)}",
            *_paragraphs(text or "As it says."),
        ]
    return lines


def _settings_page() -> str:
    lines = [
        _head(f"{PROGRAM}.toml", "5"),
        ".SH NAME",
        rf"{PROGRAM}.toml \- the settings of {PROGRAM}",
        ".SH DESCRIPTION",
        *_paragraphs(
            f"The file is TOML. `{PROGRAM} settings` prints it with every default. Each setting can stand in the "
            "environment too, as PEERAGE_TRACKER_INTERVAL for interval in [tracker], and on the command line of serve."
        ),
        ".SH SETTINGS",
    ]
    table = ""
    for each in rows():
        above = each.key.rpartition(".")[0]
        if above != table:
            lines.append(f".SS [{_escaped(above)}]")
            table = above
        lines += _setting(each)
    return "\n".join([*lines, ".SH SEE ALSO", f"{PROGRAM}(1)", ""])


def _setting(row: SettingRow) -> list[str]:
    text = f"{row.meaning} It takes {row.takes}. Default: {row.default}."
    return [".TP", f".B {_escaped(row.key.rpartition('.')[2])}", *_paragraphs(text)]


def _head(name: str, section: str) -> str:
    return f'.TH "{_escaped(name.upper())}" {section} "" "Peerage {_escaped(__version__)}" "Peerage"'


def _paragraphs(text: str) -> list[str]:
    """Return text with its paragraphs apart; a line never begins with what roff takes for a request."""
    lines: list[str] = []
    for number, each in enumerate(re.split(r"\n\s*\n", text.strip())):
        lines += [".IP"] if number else []
        lines.append(_escaped(" ".join(each.split())))
    return lines


def _escaped(text: str) -> str:
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


def write_man_pages(folder: Path) -> list[Path]:
    """Write every page into a folder, which is made if need be, and return their paths. OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in man_pages():
        path = folder / name
        path.write_text(text, "utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    write_man_pages(Path(sys.argv[1]))

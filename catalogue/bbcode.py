"""BBCode to HTML: a small safe set of tags is rendered, and nothing external is loaded.

Known tags become elements, a few that only decorate are dropped, all other text stays text. Images become
links, because loading one would show its server who reads the page. The text is scanned once, so time and
output are linear in its length.
"""

import re
from urllib.parse import urlsplit

LONGEST = 1 << 17
"""Characters that are rendered; a longer text is cut."""

_DEPTH = 16
_ELEMENTS = 4000
_LONGEST_LINK = 4096
_LONGEST_LABEL = 96
_BREAKS = 3

_INLINE = {"b": "strong", "i": "em", "u": "u", "s": "s", "important": "strong"}
_BLOCKS = {"quote": "blockquote", "hide": "details", "spoiler": "details", "mature": "details"}
_VERBATIM = ("code", "pre", "plain")
_DROPPED = frozenset({"size", "color", "colour", "font", "align", "center", "left", "right", "indent"})
_NAMES = sorted({*_INLINE, *_BLOCKS, *_VERBATIM, *_DROPPED, "url", "list", "hr"})
_TOKEN = re.compile(
    r"\[(?P<holder>url|img)\]\s*(?P<held>[^\s\[\]]+)\s*\[/(?P=holder)\]"
    r"|\[img=(?P<picture>[^\s\[\]]+)\]"
    rf"|\[(?P<close>/?)(?P<name>{'|'.join(_NAMES)})(?:=(?P<value>[^\[\]\n]*))?\]"
    r"|(?P<item>\[\*\])"
    r"|(?P<link>(?<![0-9A-Za-z])(?:https?://|magnet:\?)[^\s<>\"'\[\]]+)"
    r"|(?P<breaks>\n+)",
    re.IGNORECASE,
)
_LINK = re.compile(r"(?:https?://|magnet:\?)[^\s\x00-\x1f\x7f<>\"'\\]+", re.IGNORECASE)
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def render(text: str) -> str:
    """Return the HTML of a text; it has only elements and attributes that this module writes."""
    return _Renderer(text[:LONGEST].replace("\r\n", "\n")).html()


def escape(text: str) -> str:
    """Return text as HTML shows it: five characters are written as entities, nothing else is changed."""
    return text.translate(_ESCAPES)


class _Renderer:
    """Renders one text; `_open` is the stack of open tags with the elements that close them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._out: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._breaks = 0
        self._fresh = False
        """Whether a block just began or ended, which breaks the line by itself."""
        self._left = _ELEMENTS
        lower = text.lower()
        self._ends = {name: lower.rfind(f"[/{name}]") for name in _VERBATIM}

    def html(self) -> str:
        at = 0
        while match := _TOKEN.search(self._text, at):
            self._write_text(self._text[at : match.start()])
            at = self._token(match)
        self._write_text(self._text[at:])
        while self._open:
            self._pop()
        return "".join(self._out)

    def _token(self, match: re.Match[str]) -> int:
        """Render a token; return where the text goes on."""
        if match["breaks"]:
            self._breaks += len(match["breaks"]) - self._fresh
            self._fresh = False
        elif match["link"]:
            return match.start() + self._bare_link(match["link"])
        elif match["item"]:
            self._item()
        elif match["name"]:
            return self._tag(match)
        else:
            address = match["held"] or match["picture"]
            if not self._anchor(address, _label(address)):
                self._write_text(match[0])
        return match.end()

    def _tag(self, match: re.Match[str]) -> int:
        name, value = match["name"].lower(), match["value"] or ""
        if name in _DROPPED:
            return match.end()
        if match["close"]:
            rendered = self._closing_tag(name)
        elif name in _VERBATIM and match.end() <= self._ends[name]:
            return self._verbatim(name, match.end())
        else:
            rendered = self._opening_tag(name, value)
        if not rendered:
            self._write_text(match[0])
        return match.end()

    def _opening_tag(self, name: str, value: str) -> bool:
        """Open a tag's element; return whether that was possible."""
        if name == "hr":
            return self._rule()
        if len(self._open) >= _DEPTH or self._left <= 0:
            return False
        if name == "url":
            return self._link_with_label(value)
        if name in _INLINE:
            self._write_inline(f"<{_INLINE[name]}>")
            self._push(name, f"</{_INLINE[name]}>")
        elif name == "list":
            element = "ol" if value.strip() else "ul"
            self._block(f"<{element}>")
            self._push(name, f"</{element}>")
        elif name in _BLOCKS:
            self._block(f"<{_BLOCKS[name]}>{_heading(name, value)}")
            self._push(name, f"</{_BLOCKS[name]}>")
        return name not in _VERBATIM

    def _link_with_label(self, value: str) -> bool:
        address = _address(value)
        if address is None or any(name == "url" for name, _ in self._open):
            return False
        self._write_inline(_anchor_tag(address))
        self._push("url", "</a>")
        return True

    def _closing_tag(self, name: str) -> bool:
        """Close the innermost tag of that name with all inside it; inline tags reach no further than a block."""
        for depth in range(len(self._open) - 1, -1, -1):
            here = self._open[depth][0]
            if here == name:
                while len(self._open) > depth:
                    self._pop()
                return True
            if here not in _INLINE and here not in {"url", "*"}:
                return False
            if here == "*" and name != "list":
                return False
        return False

    def _item(self) -> None:
        names = [name for name, _ in self._open]
        lists = [depth for depth, name in enumerate(names) if name == "list"]
        if not lists or any(name in _BLOCKS for name in names[lists[-1] :]):
            self._write_inline("\u2022 ")
            return
        while len(self._open) > lists[-1] + 1:
            self._pop()
        if self._left > 0:
            self._list_item()

    def _list_item(self) -> None:
        self._write_block("<li>")
        self._push("*", "</li>")

    def _verbatim(self, name: str, start: int) -> int:
        """Render the text up to a closing tag verbatim; return where that ends."""
        end = re.compile(rf"\[/{name}\]", re.IGNORECASE).search(self._text, start)
        assert end is not None
        body = escape(self._text[start : end.start()].strip("\n"))
        if name == "pre" or (name == "code" and "\n" in body):
            self._block(f"<pre>{body}</pre>")
        else:
            self._write_inline(f"<code>{body}</code>" if name == "code" else body)
        return end.end()

    def _rule(self) -> bool:
        self._block("<hr>")
        return True

    def _bare_link(self, link: str) -> int:
        """Render a URL in running text; return how many characters belong to it."""
        trimmed = link.rstrip(".,;:!?")
        if trimmed.endswith(")") and "(" not in trimmed:
            trimmed = trimmed.rstrip(").,;:!?")
        if not self._anchor(trimmed, _label(trimmed)):
            self._write_text(link)
            return len(link)
        return len(trimmed)

    def _anchor(self, address: str, label: str) -> bool:
        checked = _address(address)
        if checked is None or self._left <= 0 or any(name == "url" for name, _ in self._open):
            return False
        self._left -= 1
        self._write_inline(f"{_anchor_tag(checked)}{escape(label)}</a>")
        return True

    def _write_text(self, text: str) -> None:
        if text and (text.strip() or not self._in_bare_list()):
            self._write_inline(escape(text))

    def _write_inline(self, html: str) -> None:
        """Write inline content, with the line breaks before it."""
        if self._in_bare_list():
            self._list_item()
        self._out.append("<br>\n" * min(self._breaks, _BREAKS))
        self._out.append(html)
        self._breaks, self._fresh = 0, False

    def _block(self, html: str) -> None:
        if self._in_bare_list():
            self._list_item()
        self._write_block(html)

    def _write_block(self, html: str) -> None:
        self._out.append(html)
        self._breaks, self._fresh = 0, True

    def _in_bare_list(self) -> bool:
        return bool(self._open) and self._open[-1][0] == "list"

    def _push(self, name: str, closing: str) -> None:
        self._left -= 1
        self._open.append((name, closing))

    def _pop(self) -> None:
        name, closing = self._open.pop()
        if name in _INLINE or name == "url":
            self._out.append(closing)
        else:
            self._write_block(closing)


def _heading(name: str, value: str) -> str:
    if name == "quote":
        return f"<cite>{escape(value.strip())}</cite>" if value.strip() else ""
    return f"<summary>{escape(value.strip()) or 'Hidden text'}</summary>"


def _address(text: str) -> str | None:
    """Return a URL that may be linked; None for other schemes, and for a disguised host."""
    link = text.strip().strip("\"'")
    if len(link) > _LONGEST_LINK or not _LINK.fullmatch(link):
        return None
    try:
        parts = urlsplit(link)
        disguised = "@" in parts.netloc or (parts.scheme != "magnet" and not parts.hostname)
    except ValueError:
        return None
    return None if disguised else link


def _anchor_tag(address: str) -> str:
    return f'<a href="{escape(address)}" rel="nofollow noopener noreferrer ugc">'


def _label(address: str) -> str:
    return address if len(address) <= _LONGEST_LABEL else f"{address[:_LONGEST_LABEL]}\u2026"

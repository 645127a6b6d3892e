"""Hides how text that people wrote becomes HTML: BBCode, of which a small safe set is drawn and nothing loaded.

Tags that are known become elements, a few that only decorate vanish, all other text stays text. Pictures
become links: a page that loads one would tell its owner who reads it. What is written is read once from
beginning to end, so that time and output grow with the text alone.
"""

import re
from urllib.parse import urlsplit

LONGEST = 1 << 17
"""Characters that are drawn; a longer text is cut."""

_DEPTH = 16
_ELEMENTS = 4000
_LONGEST_LINK = 4096
_LONGEST_LABEL = 96
_BREAKS = 3

_INLINE = {"b": "strong", "i": "em", "u": "u", "s": "s", "important": "strong"}
_BLOCKS = {"quote": "blockquote", "hide": "details", "spoiler": "details", "mature": "details"}
_VERBATIM = ("code", "pre", "plain")
_VANISHING = frozenset({"size", "color", "colour", "font", "align", "center", "left", "right", "indent"})
_NAMES = sorted({*_INLINE, *_BLOCKS, *_VERBATIM, *_VANISHING, "url", "list", "hr"})
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
    """Return the HTML of a text; it holds only elements and attributes that this module writes."""
    return _Drawing(text[:LONGEST].replace("\r\n", "\n")).html()


def escape(text: str) -> str:
    """Return text as HTML shows it: five characters are written as entities, nothing else is changed."""
    return text.translate(_ESCAPES)


class _Drawing:
    """One text on its way to HTML; `_open` holds the tags that are open and the elements that close them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._out: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._breaks = 0
        self._fresh = False
        """Whether a block just ended or began, which breaks the line by itself."""
        self._left = _ELEMENTS
        lower = text.lower()
        self._ends = {name: lower.rfind(f"[/{name}]") for name in _VERBATIM}

    def html(self) -> str:
        at = 0
        while match := _TOKEN.search(self._text, at):
            self._say(self._text[at : match.start()])
            at = self._take(match)
        self._say(self._text[at:])
        while self._open:
            self._shut()
        return "".join(self._out)

    def _take(self, match: re.Match[str]) -> int:
        """Draw a token; return where the text goes on."""
        if match["breaks"]:
            self._breaks += len(match["breaks"]) - self._fresh
            self._fresh = False
        elif match["link"]:
            return match.start() + self._bare(match["link"])
        elif match["item"]:
            self._item()
        elif match["name"]:
            return self._tag(match)
        else:
            address = match["held"] or match["picture"]
            if not self._anchor(address, _label(address)):
                self._say(match[0])
        return match.end()

    def _tag(self, match: re.Match[str]) -> int:
        name, value = match["name"].lower(), match["value"] or ""
        if name in _VANISHING:
            return match.end()
        if match["close"]:
            drawn = self._close(name)
        elif name in _VERBATIM and match.end() <= self._ends[name]:
            return self._verbatim(name, match.end())
        else:
            drawn = self._begin(name, value)
        if not drawn:
            self._say(match[0])
        return match.end()

    def _begin(self, name: str, value: str) -> bool:
        """Open what a tag stands for; tell whether that could be done."""
        if name == "hr":
            return self._rule()
        if len(self._open) >= _DEPTH or self._left <= 0:
            return False
        if name == "url":
            return self._labelled(value)
        if name in _INLINE:
            self._put(f"<{_INLINE[name]}>")
            self._push(name, f"</{_INLINE[name]}>")
        elif name == "list":
            element = "ol" if value.strip() else "ul"
            self._block(f"<{element}>")
            self._push(name, f"</{element}>")
        elif name in _BLOCKS:
            self._block(f"<{_BLOCKS[name]}>{_heading(name, value)}")
            self._push(name, f"</{_BLOCKS[name]}>")
        return name not in _VERBATIM

    def _labelled(self, value: str) -> bool:
        address = _address(value)
        if address is None or any(name == "url" for name, _ in self._open):
            return False
        self._put(_opening(address))
        self._push("url", "</a>")
        return True

    def _close(self, name: str) -> bool:
        """Close the innermost tag of that name with all inside it; inline tags reach no further than a block."""
        for depth in range(len(self._open) - 1, -1, -1):
            here = self._open[depth][0]
            if here == name:
                while len(self._open) > depth:
                    self._shut()
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
            self._put("\u2022 ")
            return
        while len(self._open) > lists[-1] + 1:
            self._shut()
        if self._left > 0:
            self._list_item()

    def _list_item(self) -> None:
        self._write_block("<li>")
        self._push("*", "</li>")

    def _verbatim(self, name: str, start: int) -> int:
        """Draw what stands up to the end of a tag as it is; return where that ends."""
        end = re.compile(rf"\[/{name}\]", re.IGNORECASE).search(self._text, start)
        assert end is not None
        body = escape(self._text[start : end.start()].strip("\n"))
        if name == "pre" or (name == "code" and "\n" in body):
            self._block(f"<pre>{body}</pre>")
        else:
            self._put(f"<code>{body}</code>" if name == "code" else body)
        return end.end()

    def _rule(self) -> bool:
        self._block("<hr>")
        return True

    def _bare(self, link: str) -> int:
        """Draw a link that stands in the text by itself; return how much of it was one."""
        trimmed = link.rstrip(".,;:!?")
        if trimmed.endswith(")") and "(" not in trimmed:
            trimmed = trimmed.rstrip(").,;:!?")
        if not self._anchor(trimmed, _label(trimmed)):
            self._say(link)
            return len(link)
        return len(trimmed)

    def _anchor(self, address: str, label: str) -> bool:
        checked = _address(address)
        if checked is None or self._left <= 0 or any(name == "url" for name, _ in self._open):
            return False
        self._left -= 1
        self._put(f"{_opening(checked)}{escape(label)}</a>")
        return True

    def _say(self, text: str) -> None:
        if text and (text.strip() or not self._in_bare_list()):
            self._put(escape(text))

    def _put(self, html: str) -> None:
        """Write what stands in a line, with the line breaks before it."""
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

    def _shut(self) -> None:
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
    """Return a link that may be followed from here; None for other schemes, and for a host that is disguised."""
    link = text.strip().strip("\"'")
    if len(link) > _LONGEST_LINK or not _LINK.fullmatch(link):
        return None
    try:
        parts = urlsplit(link)
        disguised = "@" in parts.netloc or (parts.scheme != "magnet" and not parts.hostname)
    except ValueError:
        return None
    return None if disguised else link


def _opening(address: str) -> str:
    return f'<a href="{escape(address)}" rel="nofollow noopener noreferrer ugc">'


def _label(address: str) -> str:
    return address if len(address) <= _LONGEST_LABEL else f"{address[:_LONGEST_LABEL]}\u2026"

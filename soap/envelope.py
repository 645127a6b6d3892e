"""A check of XML before it is parsed: encoding, depth, number of elements, no document type."""

import re

from bittorrent.refusal import Refusal

# A call has about six elements; clients add headers.
MAX_DEPTH = 32
MAX_ELEMENTS = 256
MAX_MARKUP = 64 * 1024

_BOM = b"\xef\xbb\xbf"
_DECLARATION = re.compile(rb"""<\?xml[\t\r\n ][^<>?]{0,200}\?>""")
_ENCODING = re.compile(rb"""[\t\r\n ]encoding[\t\r\n ]*=[\t\r\n ]*["']([A-Za-z0-9._-]{1,40})["']""")
# Encodings that contain ASCII, so that the scan sees the markup that the parser sees.
_CODECS = {b"utf-8": "utf-8", b"us-ascii": "ascii", b"iso-8859-1": "latin-1", b"windows-1252": "cp1252"}
_TAG = re.compile(rb"""<(/?)[^\s<>"'/!?](?:[^<>"'/]++|"[^"<]*+"|'[^'<]*+'|/(?!>))*+(/?)>""")
_REFERENCE = re.compile(rb"""[\s"']href\s*=""")


def checked_utf8(body: bytes) -> bytes:
    """Return the document in UTF-8 without a declaration, after a scan that costs less than parsing it.

    Raises Refusal "bad-soap" for a document type, a processing instruction, another encoding, references
    between elements, or more depth, elements or markup than a call has; "empty" for nothing at all. Whether
    the rest is well-formed is left to the parser.
    """
    if not body.strip():
        raise Refusal("empty")
    text = _utf8(body)
    _Scan(text).run()
    return text


def _utf8(body: bytes) -> bytes:
    if b"\x00" in body:
        # Parsers detect UTF-16 by its zero bytes, whatever is declared.
        raise Refusal("bad-soap", "send it in UTF-8")
    body = body.removeprefix(_BOM).lstrip(b"\t\r\n ")
    codec = "utf-8"
    if declaration := _DECLARATION.match(body):
        encoding = _ENCODING.search(declaration[0])
        name = encoding[1].lower() if encoding else b"utf-8"
        if name not in _CODECS:
            raise Refusal("bad-soap", "send it in UTF-8")
        codec = _CODECS[name]
        body = body[declaration.end() :]
    try:
        text = body.decode(codec)
    except UnicodeDecodeError:
        raise Refusal("bad-soap", "it is not in the encoding that it declares") from None
    return body if codec == "utf-8" else text.encode()


class _Scan:
    """One pass over the tags; text between them is skipped."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._elements = 0
        self._markup = 0

    def run(self) -> None:
        while (start := self._text.find(b"<", self._at)) >= 0:
            self._at = self._skip(start)

    def _skip(self, start: int) -> int:
        if self._text.startswith(b"<!--", start):
            return self._section(start, b"<!--", b"-->")
        if self._text.startswith(b"<![CDATA[", start):
            return self._section(start, b"<![CDATA[", b"]]>")
        return self._tag(start)

    def _section(self, start: int, opening: bytes, closing: bytes) -> int:
        self._count(len(opening) + len(closing))
        end = self._text.find(closing, start + len(opening))
        if end < 0:
            raise Refusal("bad-soap", "a comment or CDATA section does not end")
        return end + len(closing)

    def _tag(self, start: int) -> int:
        match = _TAG.match(self._text, start, start + MAX_MARKUP)
        if match is None:
            raise Refusal("bad-soap", "it holds something other than elements and text")
        if _REFERENCE.search(match[0]):
            raise Refusal("bad-soap", "elements may not refer to others")
        self._count(len(match[0]))
        self._nest(closing=bool(match[1]), empty=bool(match[2]))
        return match.end()

    def _nest(self, *, closing: bool, empty: bool) -> None:
        if closing:
            self._depth -= 1
            return
        self._elements += 1
        if self._depth >= MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise Refusal("bad-soap", "it holds more elements than a call has")
        self._depth += not empty

    def _count(self, markup: int) -> None:
        self._markup += markup
        if self._markup > MAX_MARKUP:
            raise Refusal("bad-soap", "it holds more markup than a call has")

"""The corpus of smuggled requests: bytes of which two readers might say differently where a request ends."""

from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from tests.clients.proxies.reverse_proxy import HOST


@dataclass(frozen=True, slots=True)
class Case:
    """One request that hides another one, the canary, from a reader who takes it as the other does not."""

    name: str
    what: str
    """What is odd about it, and who would be led astray."""
    lines: bytes
    """Its header lines, each with its line end. `@` is the length of the canary, `%all` of the body as it is sent, `%size`
    of the line before a chunk that holds the canary."""
    body: bytes = b"%canary"
    """What follows the head; `%canary` is the hidden request, `@x` its length in hexadecimal."""
    version: bytes = b"HTTP/1.1"
    before: bytes = b""
    """What stands in front of the request line."""
    line: bytes = b"%method %target %version\r\n"
    host: bool = True
    """Whether it has a line of its own with the host, before all others."""
    lawful: bool = False
    """Whether a reader may take the canary for a request of its own, which then is answered as one."""

    def sent(self, method: bytes, target: bytes, canary: bytes) -> bytes:
        """All bytes that the client sends on its connection."""
        head = self.line.replace(b"%method", method).replace(b"%target", target)
        head = head.replace(b"%version", self.version)
        size = b"%x" % len(canary)
        body = self.body.replace(b"@x", size).replace(b"%canary", canary)
        lines = self.lines.replace(b"@", b"%d" % len(canary)).replace(b"%all", b"%d" % len(body))
        lines = lines.replace(b"%size", b"%d" % len(size + b"\r\n"))
        return self.before + head + (HOST_LINE if self.host else b"") + lines + b"\r\n" + body


HOST_LINE = b"Host: %b\r\n" % HOST.encode()
ENDED = b"0\r\n\r\n%canary"
"""A body of no chunks, and behind it the canary, which a reader by length has in the body."""
IN_CHUNK = b"@x\r\n%canary\r\n0\r\n\r\n"
"""One chunk that holds the canary, which a reader without chunks takes for the next request."""
CL, CHUNKED = b"Content-Length: @\r\n", b"Transfer-Encoding: chunked\r\n"
OVER_ALL, OVER_SIZE = b"Content-Length: %all\r\n", b"Content-Length: %size\r\n"

ENCODINGS = {
    "x": b"Transfer-Encoding: xchunked",
    "space-colon": b"Transfer-Encoding : chunked",
    "tab-colon": b"Transfer-Encoding\t: chunked",
    "tab": b"Transfer-Encoding:\tchunked",
    "no-space": b"Transfer-Encoding:chunked",
    "vertical-tab": b"Transfer-Encoding:\x0bchunked",
    "form-feed-behind": b"Transfer-Encoding: chunked\x0c",
    "nul": b"Transfer-Encoding: chunked\x00",
    "nul-name": b"Transfer\x00-Encoding: chunked",
    "high": b"Transfer-Encoding: \xa0chunked",
    "upper": b"Transfer-Encoding: CHUNKED",
    "quoted": b'Transfer-Encoding: "chunked"',
    "single-quoted": b"Transfer-Encoding: 'chunked'",
    "parameter": b"Transfer-Encoding: chunked;q=1",
    "identity-behind": b"Transfer-Encoding: chunked, identity",
    "identity-before": b"Transfer-Encoding: identity, chunked",
    "gzip-before": b"Transfer-Encoding: gzip, chunked",
    "gzip": b"Transfer-Encoding: gzip",
    "twice": b"Transfer-Encoding: chunked, chunked",
    "comma-before": b"Transfer-Encoding: ,chunked",
    "comma-behind": b"Transfer-Encoding: chunked,",
    "empty": b"Transfer-Encoding:",
    "two-lines": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "two-lines-other": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "cow": b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow",
    "underscore": b"Transfer_Encoding: chunked",
    "folded": b"Transfer-Encoding:\r\n chunked",
    "folded-name": b"X: y\r\n Transfer-Encoding: chunked",
    "behind-cr": b"X: y\rTransfer-Encoding: chunked",
    "behind-lf": b"X: y\nTransfer-Encoding: chunked",
    "line-ends-lf": b"Transfer-Encoding: chunked\nX: y",
    "space-first": b" Transfer-Encoding: chunked",
    "semicolon": b"Transfer-Encoding; chunked",
    "no-colon": b"Transfer-Encoding chunked",
}
"""Spellings of Transfer-Encoding, which only one of two readers may know."""

CORPUS = [
    # Two framings at once.
    Case("cl.te", "a length over an ended chunked body: by length the canary is body", OVER_ALL + CHUNKED, ENDED),
    Case("te.cl", "the same in the other order", CHUNKED + OVER_ALL, ENDED),
    Case("te.cl-short", "a short length over a chunk with the canary", CHUNKED + OVER_SIZE, IN_CHUNK),
    Case("cl.te-zero", "a length of nothing over a chunk with the canary", b"Content-Length: 0\r\n" + CHUNKED, IN_CHUNK),
    Case("cl.0", "a body where some methods have none", CL),
    Case("cl.0-expect", "the same with a client that seems to wait", b"Expect: 100-continue\r\n" + CL),
    Case("cl.0-close", "the same on the last request of a connection", b"Connection: close\r\n" + CL),
    Case("cl-hop", "the length named as for this hop alone", b"Connection: Content-Length\r\n" + CL),
    Case("te-hop", "the encoding named as for this hop alone", b"Connection: Transfer-Encoding\r\n" + CHUNKED, IN_CHUNK),
    # Spellings of Transfer-Encoding, which only one reader may know.
    *(
        Case(f"te.te-{name}", f"{spelt!r}: who knows it not has the canary in the body", OVER_ALL + spelt + b"\r\n", ENDED)
        for name, spelt in ENCODINGS.items()
    ),
    *(
        Case(
            f"te.te-short-{name}",
            f"{spelt!r}: who knows it has the canary in the body",
            OVER_SIZE + spelt + b"\r\n",
            IN_CHUNK,
            lawful=True,
        )
        for name, spelt in ENCODINGS.items()
    ),
    # Lengths that numbers are read from in several ways.
    *(
        Case(f"cl-{name}", f"a length spelt {spelt!r}", spelt + b"\r\n", b"%canary")
        for name, spelt in {
            "plus": b"Content-Length: +@",
            "minus": b"Content-Length: -@",
            "minus-zero": b"Content-Length: -0",
            "hex": b"Content-Length: 0x1000",
            "point": b"Content-Length: @.0",
            "exponent": b"Content-Length: 1e3",
            "digits-underscore": b"Content-Length: 1_0",
            "empty": b"Content-Length:",
            "letters": b"Content-Length: none",
            "inner-space": b"Content-Length: 1 0",
            "list": b"Content-Length: @, @",
            "list-differs": b"Content-Length: 0, @",
            "two-differ": b"Content-Length: 0\r\nContent-Length: @",
            "two-differ-other": b"Content-Length: @\r\nContent-Length: 0",
            "two-equal": b"Content-Length: @\r\nContent-Length: @",
            "nul": b"Content-Length: @\x00",
            "space-colon": b"Content-Length : @",
            "tab-colon": b"Content-Length\t: @",
            "vertical-tab": b"Content-Length: \x0b@",
            "folded": b"Content-Length:\r\n @",
            "folded-digit": b"Content-Length: @\r\n 0",
            "behind-cr": b"X: y\rContent-Length: @",
            "space-first": b" Content-Length: @",
            "64-bits": b"Content-Length: 18446744073709551616",
            "32-bits": b"Content-Length: 4294967296",
            "long": b"Content-Length: " + b"9" * 400,
        }.items()
    ),
    Case("cl-zeros", "zeros in front of a length", b"Content-Length: 0000@\r\n"),
    Case("cl-underscore", "an underscore in the name: no length at all", b"Content_Length: @\r\n", lawful=True),
    Case("cl-arabic", "digits of another script", b"Content-Length: \xd9\xa1\xd9\xa0\r\n"),
    # Chunks whose size or end is read in several ways.
    *(
        Case(f"chunk-{name}", what, CHUNKED, body)
        for name, what, body in [
            ("extension", "an extension, which is passed over", b"@x;a=b\r\n%canary\r\n0\r\n\r\n"),
            ("extension-lf", "a line feed in an extension", b"@x;a\nb\r\n%canary\r\n0\r\n\r\n"),
            ("extension-cr", "a carriage return in an extension", b"@x;a\rb\r\n%canary\r\n0\r\n\r\n"),
            ("extension-quoted", "a line end in a quoted extension", b'@x;a="\r\n"\r\n%canary\r\n0\r\n\r\n'),
            ("extension-long", "an extension of 20 KiB", b"@x;" + b"a" * 20480 + b"\r\n%canary\r\n0\r\n\r\n"),
            ("extension-end", "an extension on the last chunk", b"@x\r\n%canary\r\n0;a=b\r\n\r\n"),
            ("prefix", "a size with 0x", b"0x@x\r\n%canary\r\n0\r\n\r\n"),
            ("plus", "a size with a plus", b"+@x\r\n%canary\r\n0\r\n\r\n"),
            ("minus", "a size below nothing", b"-1\r\n%canary\r\n0\r\n\r\n"),
            ("minus-zero", "a size of minus nothing", b"-0\r\n\r\n%canary"),
            ("underscore", "a size with an underscore", b"1_0\r\n%canary\r\n0\r\n\r\n"),
            ("space-before", "a space before a size", b" @x\r\n%canary\r\n0\r\n\r\n"),
            ("space-behind", "a space behind a size", b"@x \r\n%canary\r\n0\r\n\r\n"),
            ("tab-behind", "a tab behind a size", b"@x\t\r\n%canary\r\n0\r\n\r\n"),
            ("zeros", "zeros in front of a size", b"0000@x\r\n%canary\r\n0\r\n\r\n"),
            ("many-zeros", "more zeros than a size has room for", b"0" * 40 + b"@x\r\n%canary\r\n0\r\n\r\n"),
            ("empty-size", "no size at all", b"\r\n%canary\r\n0\r\n\r\n"),
            ("letters", "a size that is none", b"xyz\r\n%canary\r\n0\r\n\r\n"),
            ("64-bits", "a size that wraps to nothing", b"10000000000000000\r\n\r\n%canary"),
            ("32-bits", "a size that wraps to nothing in 32 bits", b"100000000\r\n\r\n%canary"),
            ("wraps", "a size that wraps to the canary's", b"100000000000000@x\r\n%canary\r\n0\r\n\r\n"),
            ("lf", "line feeds alone around a chunk", b"@x\n%canary\n0\n\n"),
            ("lf-size", "a line feed alone behind a size", b"@x\n%canary\r\n0\r\n\r\n"),
            ("lf-data", "a line feed alone behind a chunk", b"@x\r\n%canary\n0\r\n\r\n"),
            ("cr-size", "a carriage return alone behind a size", b"@x\r%canary\r\n0\r\n\r\n"),
            ("cr-data", "a carriage return alone behind a chunk", b"@x\r\n%canary\r0\r\n\r\n"),
            ("no-end", "no line end behind a chunk", b"@x\r\n%canary0\r\n\r\n"),
            ("other-end", "two letters in the place of a line end", b"@x\r\n%canaryXX0\r\n\r\n"),
            ("spill", "a chunk that is longer than its size", b"5\r\n%canary\r\n0\r\n\r\n"),
            ("ff-size", "a form feed behind a size", b"@x\x0c\r\n%canary\r\n0\r\n\r\n"),
            ("nul-size", "a NUL behind a size", b"@x\x00\r\n%canary\r\n0\r\n\r\n"),
            ("unended", "no last chunk", b"@x\r\n%canary\r\n"),
            ("trailer-length", "a length in the trailers", b"@x\r\n%canary\r\n0\r\nContent-Length: 9\r\n\r\n"),
            ("trailer-encoding", "an encoding in the trailers", b"@x\r\n%canary\r\n0\r\nTransfer-Encoding: x\r\n\r\n"),
            ("trailer-odd", "the canary as trailers", b"0\r\n%canary"),
            ("trailer-lf", "a trailer that ends in a line feed", b"@x\r\n%canary\r\n0\r\nX: y\n\r\n"),
        ]
    ),
    Case("chunk-end-lf", "the end of the chunks as line feeds, and a length", CHUNKED, b"0\n\n%canary"),
    # Lines of the head that end, or begin, as they should not.
    Case("head-lf", "line feeds alone, under a length", b"X: y\n" + CL),
    Case("head-lf-end", "an empty line of a line feed alone", CL + b"X: y\r\n\n", b"%canary"),
    Case("head-cr", "a carriage return alone in a value", b"X: y\rz\r\n" + CL),
    Case("head-cr-end", "an empty line of a carriage return alone", CL + b"X: y\r\r\n"),
    Case("head-nul", "a NUL in a value", b"X: a\x00b\r\n" + CL),
    Case("head-nul-name", "a NUL in a name", b"X\x00Y: a\r\n" + CL),
    Case("head-fold", "a value on two lines", b"X: a\r\n b\r\n" + CL),
    Case("head-fold-first", "a first line that begins with a space", b" X: a\r\n" + CL),
    Case("head-no-name", "a line without a name", b": x\r\n" + CL),
    Case("head-no-colon", "a line without a colon", b"Xyz\r\n" + CL),
    Case("head-space-name", "a space within a name", b"X Y: a\r\n" + CL),
    Case("head-high", "a letter above ASCII in a name", b"X\xe9: a\r\n" + CL),
    Case("head-request", "a request line among the headers", CL + b"GET / HTTP/1.1\r\n"),
    # Request lines and hosts.
    Case("leading-crlf", "an empty line before the request", CL, before=b"\r\n"),
    Case("leading-crlfs", "many empty lines before the request", CL, before=b"\r\n" * 20),
    Case("leading-lf", "line feeds before the request", CL, before=b"\n\n"),
    Case("leading-space", "a space before the request", CL, before=b" "),
    Case("line-spaces", "two spaces in the request line", CL, line=b"%method  %target %version\r\n"),
    Case("line-tabs", "tabs in the request line", CL, line=b"%method\t%target\t%version\r\n"),
    Case("line-lf", "a request line that ends in a line feed", CL, line=b"%method %target %version\n"),
    Case("line-cr", "a carriage return in the request line", CL, line=b"%method %target\r %version\r\n"),
    Case("line-nul", "a NUL in the target", CL, line=b"%method %target\x00 %version\r\n"),
    Case("line-behind", "a word behind the version", CL, line=b"%method %target %version x\r\n"),
    Case("line-lower", "a method in lower case", CL, line=b"get %target %version\r\n"),
    Case("line-fragment", "a fragment in the target", CL, line=b"%method %target#x %version\r\n"),
    Case("line-http-0.9", "no version", CL, line=b"%method %target\r\n"),
    Case("version-1.0", "a length and an older version", CL, version=b"HTTP/1.0"),
    Case("version-1.0-chunked", "chunks, which the older version does not know", CHUNKED, IN_CHUNK, version=b"HTTP/1.0"),
    Case("version-1.0-chunked-kept", "the same on a connection that stays", b"Connection: keep-alive\r\n" + CHUNKED, IN_CHUNK, version=b"HTTP/1.0"),
    Case("version-1.0-both", "both framings in the older version", OVER_ALL + CHUNKED, ENDED, version=b"HTTP/1.0"),
    Case("version-1.2", "a version that there is not", CL, version=b"HTTP/1.2"),
    Case("version-2.0", "a version with another framing", CL, version=b"HTTP/2.0"),
    Case("version-11", "a version of two digits", CL, version=b"HTTP/1.11"),
    Case("version-lower", "a version in lower case", CL, version=b"http/1.1"),
    Case("absolute", "a whole address in the target", CL, line=b"%method http://" + HOST.encode() + b"%target %version\r\n"),
    Case("absolute-other", "a whole address of another host than Host's", CL, line=b"%method http://other.example.org%target %version\r\n"),
    Case("authority", "a host as the target, as CONNECT has", CL, line=b"CONNECT " + HOST.encode() + b":80 %version\r\n"),
    Case("asterisk", "no path but an asterisk", CL, line=b"OPTIONS * %version\r\n"),
    Case("host-two", "two hosts", b"Host: a.example.org\r\nHost: b.example.org\r\n" + CL, host=False),
    Case("host-folded", "a host on two lines", b"Host: a.example.org\r\n b.example.org\r\n" + CL, host=False),
    Case("host-space", "a space before the colon of a host", b"Host : other.example.org\r\n" + CL),
    Case("host-none", "no host", CL, host=False),
    Case("host-empty", "an empty host", b"Host:\r\n" + CL, host=False),
    Case("host-path", "a path in a host", b"Host: " + HOST.encode() + b"/x?\r\n" + CL, host=False),
    # Other protocols, behind which a proxy might not look any more.
    Case("upgrade-websocket", "a change to WebSocket", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + CL),
    Case("upgrade-websocket-777", "a change to a version of WebSocket that there is not", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\nSec-WebSocket-Key: x\r\n" + CL),
    Case("upgrade-h2c", "a change to HTTP/2", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n" + CL),
    Case("upgrade-h2c-chunked", "the same with chunks", b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + CHUNKED, IN_CHUNK),
    Case("upgrade-tls", "a change to TLS", b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n" + CL),
    Case("preface-h2", "the first bytes of HTTP/2 itself", b"X: y\r\n" + CL, before=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
]  # fmt: skip
"""Every case by what is odd about it."""


SPLIT_BY = {
    "nginx": {"chunk-end-lf"},
    "haproxy": {
        "chunk-end-lf",
        "cl-space-first",  # taken for more of the line before, which is the host's
        "cl-64-bits",  # read as nothing, passed on as it is, and refused by the service, which closes
        "authority",  # refused by the service; CONNECT has no body
    },
    "caddy": {
        "cl.te",
        "te.cl",
        *(
            f"te.te-{name}"
            for name in ("tab", "no-space", "upper", "folded", "behind-lf", "line-ends-lf")  # all of them chunked
        ),
        "cl-empty",
        "chunk-end-lf",
    },
}  # fmt: skip
"""Cases that a proxy itself may take for two requests: it passes them on as two, and answers both."""


def canary_request(infohash: bytes) -> bytes:
    """The hidden request: an announce, which the service counts if it is one."""
    query = f"info_hash={quote_from_bytes(infohash, safe='')}&peer_id=-XX0001-smuggledsmug&port=6881&left=1&compact=1"
    return f"GET /announce?{query} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()

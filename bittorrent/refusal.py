"""Hides how a refusal is worded and numbered: the one table of every code that a door can answer.

A code is stable; scripts may rely on it. Its status is what HTTP would answer, and the three digits that
the cache's own doors print. Its sentence tells the person at the other end what to do about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Reason:
    """A row of the table: a stable code, its HTTP status, and a sentence that helps."""

    code: str
    status: int
    sentence: str


class Refusal(Exception):
    """Something was refused; `detail` adds facts (a limit, a position) and never echoes hostile input raw."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.reason = REASONS[code]
        self.detail = detail
        super().__init__(code, detail)

    @property
    def code(self) -> str:
        """The stable code."""
        return self.reason.code

    @property
    def status(self) -> int:
        """The HTTP status that stands for it."""
        return self.reason.status

    def __str__(self) -> str:
        return f"{self.reason.sentence} ({self.detail})" if self.detail else self.reason.sentence


_ROWS = (
    # What was sent, before it is a torrent.
    Reason("empty", 411, "Nothing was sent: send the bytes of a .torrent file."),
    Reason("too-large", 413, "The file is larger than this service takes."),
    Reason(
        "bad-form",
        400,
        "The form cannot be read: send multipart/form-data with a file field named 'torrent'.",
    ),
    Reason("not-base64", 400, "The text is not base64."),
    Reason("bad-compression", 400, "The compressed file is damaged: send the .torrent file as it is."),
    Reason(
        "not-bencode", 400, "The file is not bencoded: it is no .torrent file, or it was cut off or altered."
    ),
    Reason("too-deep", 400, "The file nests lists and dictionaries deeper than any torrent does."),
    Reason("too-many-items", 413, "The file holds more values than this service takes."),
    Reason("trailing-bytes", 400, "Bytes follow the end of the torrent: it was joined with something else."),
    # What was sent, as a torrent.
    Reason("duplicate-key", 422, "A dictionary names the same key twice, so the torrent means two things."),
    Reason("no-info", 422, "The file is bencoded but holds no 'info' dictionary, so it is no torrent."),
    Reason("bad-name", 422, "The torrent's name is missing, empty or unsafe as a file name."),
    Reason(
        "bad-path", 422, "A file's path is empty, absolute, too long, or would leave the download folder."
    ),
    Reason("bad-length", 422, "A file's length is missing, negative or beyond 64 bits."),
    Reason("bad-files", 422, "The torrent lists no files, or lists them in a form that no client reads."),
    Reason("bad-piece-length", 422, "The piece length is missing or out of range."),
    Reason("bad-pieces", 422, "The piece hashes do not match the length of the content."),
    Reason("bad-meta-version", 422, "The torrent is of a version that this service does not know."),
    Reason("bad-file-tree", 422, "The version 2 file tree is malformed."),
    Reason("bad-piece-layers", 422, "The version 2 piece layers are malformed."),
    Reason("hybrid-mismatch", 422, "The version 1 and version 2 halves describe different files."),
    Reason("bad-infohash", 400, "That is no infohash: give 40 or 64 hex digits, or 32 base32 characters."),
    Reason("bad-magnet", 400, "That is no magnet link with an infohash."),
    # What an operator asks for.
    Reason("bad-reason", 400, "The reason or its author is too long, or holds control characters."),
    Reason("unreadable", 400, "The file or archive cannot be read."),
    # What this service does with it.
    Reason("blocked", 451, "This torrent is blocked here."),
    Reason("rate-limited", 429, "Too many uploads from this address: wait and try again."),
    Reason("cache-full", 507, "The cache is full: its operator has to make room."),
    Reason("disk-full", 507, "The disk is nearly full: its operator has to make room."),
    Reason("not-found", 404, "There is no such torrent here."),
    Reason("cross-site", 403, "A page of another site sent this form, so it was not taken."),
    Reason("bad-method", 405, "This address does not take that method."),
    Reason("bad-soap", 400, "The SOAP request cannot be read."),
    Reason("bad-request", 400, "The request cannot be read."),
    Reason("busy", 503, "The service is busy or stopping: try again in a moment."),
    Reason("internal", 500, "Something went wrong here; it was logged."),
    # What an announce or a scrape is told in `failure reason`. Clients show these, so they are short.
    Reason("query-too-long", 414, "Request is too long"),
    Reason("no-info-hash", 400, "info_hash is missing"),
    Reason("many-info-hashes", 400, "Announce one info_hash at a time"),
    Reason("bad-info-hash", 400, "info_hash is not 20 bytes"),
    Reason("hex-info-hash", 400, "info_hash is hex, send its 20 raw bytes percent-encoded"),
    Reason("bad-peer-id", 400, "peer_id is not 20 bytes"),
    Reason("bad-port", 400, "port is missing or not between 1 and 65535"),
    Reason("bad-escape", 400, "Percent-encoding is broken"),
    Reason("unlisted", 403, "Torrent is not registered with this tracker"),
    Reason("denied", 451, "Torrent is blocked on this tracker"),
    Reason("no-address", 400, "Client address is unknown"),
    Reason("private-address", 403, "Client address is private"),
    Reason("full-scrape", 403, "Full scrape is not allowed, name an info_hash"),
)

REASONS: Mapping[str, Reason] = MappingProxyType({row.code: row for row in _ROWS})

"""Refusals: the error codes that doors answer, in one table with HTTP status and sentence.

A code is stable; scripts may rely on it. Its status is HTTP's, and the three digits that the cache's own
doors print. Its sentence says to the user what to do about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Reason:
    """An error: a stable code, its HTTP status, and a sentence for the user."""

    code: str
    status: int
    sentence: str


NO_FIELDS: Mapping[str, Sequence[str]] = MappingProxyType({})


class Refusal(Exception):
    """A request was refused; `detail` adds facts (a limit, a position) and never echoes hostile input raw.

    `fields` are the fields at fault of "invalid", with sentences.
    """

    def __init__(self, code: str, detail: str = "", fields: Mapping[str, Sequence[str]] = NO_FIELDS) -> None:
        self.reason = REASONS[code]
        self.detail = detail
        self.fields = fields
        super().__init__(code, detail)

    def __reduce__(self) -> tuple[type["Refusal"], tuple[str, str, dict[str, Sequence[str]]]]:
        return Refusal, (self.code, self.detail, dict(self.fields))

    @property
    def code(self) -> str:
        """Its stable code."""
        return self.reason.code

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return self.reason.status

    def __str__(self) -> str:
        return f"{self.reason.sentence} ({self.detail})" if self.detail else self.reason.sentence


_ROWS = (
    # Uploads, before they are parsed as a torrent.
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
    # Torrents.
    Reason("duplicate-key", 422, "A dictionary names the same key twice, so the torrent means two things."),
    Reason("no-info", 422, "The file is bencoded but holds no 'info' dictionary, so it is no torrent."),
    Reason("no-name", 422, "The torrent has no name, or one that is not a text."),
    Reason("empty-name", 422, "The torrent's name is empty."),
    Reason(
        "bad-name", 422, "The torrent's name is not safe as a file name: it is too long or leads elsewhere."
    ),
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
    # Operators' commands.
    Reason("mirror-failed", 502, "The other service cannot be followed for now."),
    Reason("bad-reason", 400, "The reason or its author is too long, or holds control characters."),
    Reason("unreadable", 400, "The file or archive cannot be read."),
    Reason("bad-client", 400, "That is no client: give the beginning of its peer ids, as -UT or -UT 1..3.5."),
    Reason(
        "bad-network", 400, "That is no address and no network: write it as 192.0.2.0/24 or 2001:db8::/32."
    ),
    # The service and its doors.
    Reason("blocked", 451, "This torrent is blocked here."),
    Reason("rate-limited", 429, "Too many uploads from this address: wait and try again."),
    Reason("cache-full", 507, "The cache is full: its operator has to make room."),
    Reason("cache-share", 507, "The cache is nearly full, and this address has stored its share of it."),
    Reason("disk-full", 507, "The disk is nearly full: its operator has to make room."),
    Reason("not-found", 404, "There is nothing here by that name."),
    Reason("cross-site", 403, "A page of another site sent this form, so it was not taken."),
    Reason("bad-method", 405, "This address does not take that method."),
    Reason("bad-soap", 400, "The SOAP request cannot be read."),
    Reason("bad-request", 400, "The request cannot be read."),
    Reason("busy", 503, "The service is busy or stopping: try again in a moment."),
    Reason("internal", 500, "Something went wrong here; it was logged."),
    # Catalogue and accounts.
    Reason("invalid", 422, "Something in the request is not as it must be."),
    Reason("unauthenticated", 401, "This needs an account: log in, or send a key."),
    Reason("bad-credentials", 401, "The name or the password is wrong."),
    Reason("login-slowed", 429, "Too many attempts to log in: wait and try again."),
    Reason("second-factor", 401, "This account logs in with a second factor: give a program a key."),
    Reason("bad-code", 422, "The code is wrong, or was used already."),
    Reason("bad-device", 422, "What the device answered is not right, or the device is not known here."),
    Reason("bad-token", 401, "The key is unknown."),
    Reason("token-revoked", 401, "The key was revoked."),
    Reason("token-expired", 401, "The key has expired."),
    Reason("key-suspended", 403, "The key is suspended."),
    Reason("user-disabled", 403, "The account is disabled."),
    Reason("bad-link", 410, "The link was used already, or is no longer valid."),
    Reason("forbidden", 403, "You may not do that."),
    Reason("method-forbidden", 403, "The key may not call this method."),
    Reason("bad-csrf", 403, "The form is not from a page of your session: load it again."),
    Reason("too-many-requests", 429, "Too many requests: wait and try again."),
    Reason("owned", 409, "Somebody has uploaded this torrent already."),
    Reason("draft-waits", 409, "The same torrent waits in another row."),
    Reason("draft-gone", 410, "This is not kept any more: choose the file, or paste the link, again."),
    Reason("taken", 409, "That name is taken."),
    Reason("full", 409, "There is no room for more of these."),
    Reason("fixed", 409, "That cannot be changed."),
    Reason("last-admin", 409, "The service needs an admin: this is the last one."),
    Reason("group-locked", 403, "The group is locked."),
    Reason("torrent-locked", 403, "The torrent is locked."),
    Reason(
        "changes-lost",
        410,
        "Not every change since then is known any more: take everything from the beginning.",
    ),
    Reason("not-held", 404, "The catalogue knows this torrent, the cache does not hold its file."),
    Reason("bad-search", 400, "The search cannot be run as it was sent."),
    Reason("search-too-slow", 503, "The search took too long: make it narrower."),
    Reason("bad-imdb", 400, "That is no IMDb id: it is tt and 7 to 10 digits."),
    Reason("bad-day", 400, "That is no day: write it as 2026-01-31."),
    Reason("bad-country", 400, "That is no country code: it has two letters."),
    Reason("no-token", 409, "There is no token to spend, or one is in use for this torrent."),
    Reason("few-points", 409, "There are not so many points to spend."),
    Reason("no-invite", 409, "There is no invite to send."),
    Reason("barred", 403, "Your ratio is too low to download: seed what you have."),
    # Downloads and lookups.
    Reason("no-downloads", 503, "Downloads are not installed here: install peerage[downloads]."),
    Reason("nothing-wished", 400, "Send a magnet link or a .torrent file."),
    Reason("two-wishes", 400, "Send a magnet link or a .torrent file, not both."),
    Reason("already-held", 409, "This torrent is on the account already."),
    Reason("too-large-to-download", 413, "The torrent's content is larger than an account may fetch."),
    Reason("slots-full", 429, "Every slot of the account is taken: wait for a download to end."),
    Reason("downloads-full", 507, "The space for downloads is used up: wait, or let go of something."),
    Reason("not-cached", 404, "The content is not here."),
    Reason("link-expired", 410, "The link has expired: ask for a new one."),
    Reason("bad-file-link", 404, "There is nothing under this link."),
    Reason("lookups-closed", 403, "Lookups need an account here."),
    # Announce and scrape, in `failure reason`. Clients show these, so they are short.
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
    Reason("address-denied", 403, "Your address is not allowed on this tracker"),
    Reason("client-denied", 403, "Your client is not allowed on this tracker"),
    Reason("full-scrape", 403, "Full scrape is not allowed, name an info_hash"),
    Reason("unknown-passkey", 403, "Passkey is unknown: download the .torrent file again"),
    # The tracker over WebSocket, in `failure reason` too.
    Reason("bad-message", 400, "This is no announce and no scrape in JSON"),
    Reason("bad-offer", 400, "offer_id is not 20 bytes"),
    Reason("unknown-offer", 404, "That peer made no such offer here of late"),
    Reason("peer-id-taken", 409, "Another client announces this torrent with that peer_id"),
    Reason("other-peer-id", 409, "This connection announces that torrent with another peer_id"),
    Reason("many-torrents", 429, "This connection announces too many torrents"),
    Reason("no-passkey", 403, "Private tracker: log in and download the .torrent file again"),
    Reason("passkey-disabled", 403, "Your account is disabled"),
    Reason("passkey-suspended", 403, "Your passkey is suspended: ask a moderator"),
)

REASONS: Mapping[str, Reason] = MappingProxyType({row.code: row for row in _ROWS})

"""Download links: signed, expiring tokens for a file, a zip or the .torrent of a job."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass

from itsdangerous import BadSignature, Signer

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from downloads.model import Job

ZIP = -1
"""In place of a file's index: all files in one archive."""
TORRENT = -2
"""In place of a file's index: the .torrent."""
KEY_BYTES = 32

# Account, job, item, the unix second at which it expires, and the first 20 bytes of the infohash.
_FIELDS = struct.Struct(">QQqQ20s")
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class DownloadLink:
    """A decoded link; `target` is a file's index, ZIP or TORRENT, `infohash` has 20 bytes."""

    account: int
    job: int
    infohash: InfoHash
    target: int

    def matches(self, job: Job) -> bool:
        """Tell whether the link was made for a job."""
        return (self.account, self.job, self.infohash) == (
            job.account,
            job.id,
            job.content.key.infohash.truncated,
        )


class DownloadLinks:
    """Makes and reads links under a key of 32 bytes; each may be started within `lifetime` seconds.

    They are not stored: whether the job still exists and its account is enabled is checked where they are used.
    """

    def __init__(self, key: bytes, lifetime: int, clock: Callable[[], float]) -> None:
        # 48 bytes of signature fill 64 characters of base64 to the last bit: a link has one spelling alone.
        self._signer = Signer(
            key, salt="download", sep=".", key_derivation="hmac", digest_method=hashlib.sha384
        )
        self._lifetime = lifetime
        self._clock = clock

    def make(self, job: Job, target: int) -> str:
        """Return the link to a file by its index, to ZIP or to TORRENT, in characters that fit in a URL."""
        until = int(self._clock()) + self._lifetime
        packed = _FIELDS.pack(job.account, job.id, target, until, job.content.key.infohash.truncated)
        return self._signed_text(packed)

    def read(self, opaque: str) -> DownloadLink:
        """Decode a link. Refusal: `bad-file-link` (not made here), `link-expired`."""
        account, job, what, until, infohash = _FIELDS.unpack(self._signed(opaque))
        if self._clock() >= until:
            raise Refusal("link-expired")
        return DownloadLink(account, job, InfoHash(infohash), what)

    def _signed(self, opaque: str) -> bytes:
        if len(opaque) > _LONGEST or not opaque.isascii():
            raise Refusal("bad-file-link")
        try:
            packed = base64.urlsafe_b64decode(self._signer.unsign(opaque) + b"==")
        except (BadSignature, binascii.Error):
            raise Refusal("bad-file-link") from None
        if len(packed) != _FIELDS.size:
            raise Refusal("bad-file-link")
        # Readers of base64 take other letters, padding and strangers among them, in the signature too.
        if self._signed_text(packed) != opaque:
            raise Refusal("bad-file-link")
        return packed

    def _signed_text(self, packed: bytes) -> str:
        return self._signer.sign(base64.urlsafe_b64encode(packed).rstrip(b"=")).decode("ascii")

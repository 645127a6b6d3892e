"""One-time codes of six digits from a shared secret and the time (TOTP, RFC 6238 over HOTP, RFC 4226)."""

import base64
import hmac
from urllib.parse import quote, urlencode

SECRET_BYTES = 20
"""As long as the hash, which RFC 4226 section 4 asks for; 32 characters of base32."""
PERIOD = 30
"""Seconds for which a code is the present one (RFC 6238 section 4.1)."""
DIGITS = 6
_DRIFT = 1
"""Periods before and after the present one whose codes are taken too (RFC 6238 section 5.2)."""


def code_of(secret: bytes, step: int) -> str:
    """Return the code of a time step (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: bytes, code: str, now: float, after: int) -> int | None:
    """Return the time step of a code that is valid now and later than step `after`; None for any other code.

    A step that was used once is not taken again (RFC 6238 section 5.2).
    """
    present = int(now) // PERIOD
    found = None
    for step in range(present - _DRIFT, present + _DRIFT + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode("utf-8", "replace")):
            found = step
    return found if found is not None and found > after else None


def key_uri(secret: bytes, issuer: str, account: str) -> str:
    """Return the `otpauth:` URI that authenticator apps read from a QR code."""
    label = quote(f"{issuer}:{account}", safe="")
    return (
        f"otpauth://totp/{label}?{urlencode({'secret': written(secret), 'issuer': issuer}, quote_via=quote)}"
    )


def written(secret: bytes) -> str:
    """Return a secret in base32, as people type it into an app."""
    return base64.b32encode(secret).decode("ascii")


def read(text: str) -> bytes:
    """Return the secret that was written so."""
    return base64.b32decode(text)

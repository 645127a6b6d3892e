"""The texts of an entry of any list: why, and by whom."""

import unicodedata

from bittorrent.refusal import Refusal

REASON_LIMIT = 500
AUTHOR_LIMIT = 100
# Controls, lone surrogates, and the separators that break a line of a log or a page.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_text(what: str, text: str, limit: int) -> None:
    """Check a text that operators and clients are shown. Refusal: `bad-reason`."""
    if len(text) > limit:
        raise Refusal("bad-reason", f"{what} is longer than {limit} characters")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in text):
        raise Refusal("bad-reason", f"{what} holds control characters")

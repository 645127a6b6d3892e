"""What is told of denied torrents, each text once, by number: a table of denied torrents keeps the numbers alone."""

from collections.abc import Callable

from tracker.access import MOST_REASONS, denial_text
from tracker.model import DENIED


def _tell_nobody(_number: int, _text: bytes) -> None:
    """Keep the texts here alone."""


class DenialTexts:
    """Texts by number, for as long as a torrent is denied with them; 0 is the plain sentence.

    `tell` is told which text a number has from now on, and of an empty one when it has none any more.
    """

    def __init__(self, tell: Callable[[int, bytes], None] = _tell_nobody, most: int = MOST_REASONS) -> None:
        self._texts: list[bytes] = [b""]
        self._uses: list[int] = [0]
        self._numbers: dict[bytes, int] = {}
        self._free: list[int] = []
        self._tell = tell
        self._most = most

    def text(self, number: int) -> bytes:
        """Return what is told in place of the plain sentence, empty where that is."""
        return self._texts[number]

    def number(self, reason: str) -> int:
        """Return the number of what is told for a reason; 0 without one, and where there are the most already."""
        if not reason:
            return 0
        text = denial_text(DENIED, reason)
        known = self._numbers.get(text)
        if known is not None:
            return known
        if self._free:
            number = self._free.pop()
        elif len(self._texts) < self._most:
            number = len(self._texts)
            self._texts.append(b"")
            self._uses.append(0)
        else:
            return 0
        self._put(number, text)
        self._numbers[text] = number
        return number

    def count(self, number: int, difference: int) -> None:
        """Note that so many torrents more are denied with a number; one that none has is given to another text."""
        if not number:
            return
        self._uses[number] += difference
        if not self._uses[number]:
            del self._numbers[self._texts[number]]
            self._put(number, b"")
            self._free.append(number)

    def _put(self, number: int, text: bytes) -> None:
        self._texts[number] = text
        self._tell(number, text)

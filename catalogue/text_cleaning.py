"""Cleaning of text input: characters that are refused, dropped or replaced.

Refused is what makes a text differ from how it looks, or what is no text: control characters,
bidirectional embeddings, overrides and isolates, lone surrogates, noncharacters, piles of combining marks.
Dropped is what is invisible and comes with copied text: zero-width characters, directional marks,
soft hyphens, tags, a byte order mark. Joiners stay between the letters and emoji that need them. The
result is in Unicode's normal form C, and its length is counted in characters after that.
"""

import re
import unicodedata
from collections.abc import Callable

_MARKS_IN_A_ROW = 30  # as Unicode's stream-safe format (UAX #15 § 13) bounds them; sorting more takes long

_CONTROLS = "\x00-\x1f\x7f-\x9f"
_CONTROLS_OF_PROSE = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
_BIDI = "\u202a-\u202e\u2066-\u2069"
_SURROGATES = "\ud800-\udfff"
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2060-\u2065\u206a-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# A joiner that does not stand between two characters beyond ASCII joins nothing; nor does one beside a space,
# which is trimmed or written as ASCII after this.
_IDLE_JOINERS = re.compile(
    "(?:(?<![^\x00-\x7f\\s\u200c\u200d])|(?<=[\u200c\u200d]))[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f\\s])"
)
_SPACES = re.compile(r"\s+")
_ENDS_OF_LINES = re.compile("[^\\S\n]+$", re.MULTILINE)
_NEWLINES = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_FAULTS = (
    (re.compile(f"[{_SURROGATES}]"), "It holds half a character (a lone surrogate)."),
    (re.compile(f"[{_BIDI}]"), "It holds characters that turn the direction of writing."),
    (re.compile(f"[{_NONCHARACTERS}]"), "It holds code points that are no characters."),
)
_REFUSED = re.compile(f"[{_CONTROLS}{_BIDI}{_SURROGATES}{_NONCHARACTERS}]")


def clean_line(text: str, longest: int) -> str:
    """Return one line of text, trimmed and with single spaces, of at most `longest` characters; "" if empty.

    Raises ValueError with a sentence for people.
    """
    _refuse_length(text, longest)
    if re.search(f"[{_CONTROLS}]", text.replace("\t", " ")):
        raise ValueError("It holds line breaks or other control characters.")
    return _checked_length(_SPACES.sub(" ", _clean(text)).strip(), longest)


def clean_prose(text: str, longest: int) -> str:
    r"""Return text of several lines, broken by \n, of at most `longest` characters; tabs and indents stay.

    Raises ValueError with a sentence for people.
    """
    _refuse_length(text, longest)
    if re.search(f"[{_CONTROLS_OF_PROSE}]", text):
        raise ValueError("It holds control characters.")
    cleaned = _clean(_NEWLINES.sub("\n", text))
    return _checked_length(_ENDS_OF_LINES.sub("", cleaned).strip("\n"), longest)


def plain_line(text: str, longest: int) -> str:
    """Return a text without what `clean_line` would refuse, cut to `longest` characters; never raises."""
    line = _visible(_REFUSED.sub(" ", text[: 4 * longest]), _without_piled_marks)
    return _SPACES.sub(" ", line)[:longest].strip().rstrip("\u200c\u200d")


def _clean(text: str) -> str:
    if text.isascii():
        return text
    for fault, sentence in _FAULTS:
        if fault.search(text):
            raise ValueError(sentence)
    return _visible(text, _refuse_piled_marks)


def _visible(text: str, unpiled: Callable[[str], str]) -> str:
    # Composing may turn a character into one of ASCII, beside which a joiner is idle; and what is invisible may
    # stand between two that compose.
    return _composed(_without_invisible(_composed(text, unpiled)), unpiled)


def _composed(text: str, unpiled: Callable[[str], str]) -> str:
    # Sorting long rows of marks takes long; and composing may take rows apart into longer ones.
    return unpiled(unicodedata.normalize("NFC", unpiled(text)))


def _refuse_piled_marks(text: str) -> str:
    if _without_piled_marks(text) != text:
        raise ValueError(f"It holds more than {_MARKS_IN_A_ROW} combining marks in a row.")
    return text


def _without_invisible(text: str) -> str:
    return _IDLE_JOINERS.sub("", _INVISIBLE.sub("", text))


def _without_piled_marks(text: str) -> str:
    """Drop the combining marks that follow on too many others."""
    if text.isascii():
        return text
    result, row = [], 0
    for character in text:
        row = row + 1 if unicodedata.combining(character) else 0
        if row <= _MARKS_IN_A_ROW:
            result.append(character)
    return "".join(result)


def _refuse_length(text: str, longest: int) -> None:
    # Cleaning may shorten a text, but a far longer one is not worth its cost.
    if len(text) > 4 * longest + 64:
        raise ValueError(f"It is longer than {longest} characters.")


def _checked_length(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ValueError(f"It is longer than {longest} characters.")
    return text

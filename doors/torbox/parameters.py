"""Parameters of the TorBox API: values of a query or form, and the spellings of flags and numbers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from doors.torbox.error_codes import INVALID_OPTION, MISSING_PARAMETER, TorboxError

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off", ""})
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TorboxParameters:
    """Values by name; the last of a repeated name counts."""

    values: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, str]]) -> "TorboxParameters":
        """Collect the pairs of a query or form."""
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        return cls(values)

    def all(self, name: str) -> Sequence[str]:
        """Return every value of a name."""
        return self.values.get(name, ())

    def text(self, name: str) -> str:
        """Return a value, "" where there is none."""
        values = self.values.get(name)
        return values[-1] if values else ""

    def required(self, name: str) -> str:
        """Return a value. Failure MISSING_REQUIRED_OPTION: there is none."""
        value = self.text(name).strip()
        if not value:
            raise TorboxError(MISSING_PARAMETER, f"The option {name} is required.")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a flag, in any spelling and case. Failure INVALID_OPTION: it is none."""
        if name not in self.values:
            return default
        return read_flag(name, self.text(name))

    def number(self, name: str, default: int | None = None) -> int | None:
        """Return an integer, `default` where it is missing. Failure INVALID_OPTION: it is no integer."""
        text = self.text(name).strip()
        return read_number(name, text) if text else default

    def one_of(self, name: str, words: Sequence[str], default: str = "") -> str:
        """Return one of `words`, in any case. Failure: MISSING_REQUIRED_OPTION, INVALID_OPTION."""
        word = (self.text(name).strip() or default or self.required(name)).lower()
        if word not in words:
            raise TorboxError(INVALID_OPTION, f"The option {name} is one of: {', '.join(words)}.")
        return word


def read_flag(name: str, text: str) -> bool:
    """Parse a flag. Failure INVALID_OPTION."""
    word = text.strip().lower()
    if word not in _TRUE and word not in _FALSE:
        raise TorboxError(INVALID_OPTION, f"The option {name} is true or false.")
    return word in _TRUE


def read_number(name: str, text: str) -> int:
    """Parse an integer, clamped to 64 bits. Failure INVALID_OPTION."""
    if not _NUMBER.fullmatch(text):
        raise TorboxError(INVALID_OPTION, f"The option {name} is a whole number.")
    return max(-_LARGEST - 1, min(int(text), _LARGEST))

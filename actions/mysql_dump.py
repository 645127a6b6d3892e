"""Reader of MySQL's text form, as `mysqldump` writes it: the rows of some tables, streamed, a line at a time.

Columns are those of the INSERT statement, or of the CREATE TABLE before it. Everything else is passed over.
"""

import re
from collections.abc import Iterator, Mapping
from typing import IO, NamedTuple

from bittorrent.refusal import Refusal

LONGEST_LINE = 64 * 2**20
"""Bytes of a line; `mysqldump` writes at most `max_allowed_packet`, 16 MiB unless set."""
MOST_COLUMNS = 512

Value = bytes | None

_INSERT = re.compile(
    rb"INSERT\s+(?:IGNORE\s+)?INTO\s+`?(\w+)`?\s*(?:\(([^()]*+)\)\s*)?VALUES?\s*", re.IGNORECASE
)
_CREATE = re.compile(rb"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?`?(\w+)`?\s*\(", re.IGNORECASE)
_COLUMN = re.compile(rb"\s*`(\w+)`\s")
_VALUE = re.compile(
    rb"\s*+(?:(NULL)|(?:_binary\s++)?'((?:[^'\\]++|\\.|'')*+)'|0x([0-9A-Fa-f]*+)|(-?[0-9][0-9.eE+-]*+))\s*+([,)])",
    re.IGNORECASE | re.DOTALL,
)
_BEGIN = re.compile(rb"\s*+,?\s*+\(")
_ESCAPE = re.compile(rb"\\(.)|''", re.DOTALL)
_ESCAPES: Mapping[bytes, bytes] = {
    b"0": b"\0", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"Z": b"\x1a",
}  # fmt: skip


class DumpRow(NamedTuple):
    """A row: its table, and the values of all columns by name; `position` are the bytes read so far."""

    table: str
    values: dict[str, Value]
    position: int


def read_dump(file: IO[bytes], tables: frozenset[str]) -> Iterator[DumpRow]:
    """Yield the rows of some tables, in the order of the file. Refusal: `unreadable`."""
    columns: dict[str, list[str]] = {}
    creating, inserting = "", ""
    names: list[str] = []
    position = 0
    while line := file.readline(LONGEST_LINE + 1):
        position += len(line)
        if len(line) > LONGEST_LINE:
            raise Refusal("unreadable", f"a line before byte {position} is too long")
        at = 0
        if not inserting:
            if creating:
                creating = _read_column(line, columns, creating)
                continue
            if match := _CREATE.match(line):
                creating = match[1].decode()
                columns[creating] = []
                continue
            match = _INSERT.match(line)
            if match is None or match[1].decode() not in tables:
                continue
            inserting, at = match[1].decode(), match.end()
            names = _names(match[2]) if match[2] is not None else columns.get(inserting, [])
            if not names:
                raise Refusal("unreadable", f"the columns of {inserting} are not named")
        rows, ended = _read_rows(line, at, len(names), position)
        for values in rows:
            yield DumpRow(inserting, dict(zip(names, values, strict=True)), position)
        if ended:
            inserting = ""


def _read_column(line: bytes, columns: dict[str, list[str]], table: str) -> str:
    if match := _COLUMN.match(line):
        if len(columns[table]) >= MOST_COLUMNS:
            raise Refusal("unreadable", f"{table} has too many columns")
        columns[table].append(match[1].decode())
        return table
    return "" if line.lstrip().startswith(b")") else table


def _names(listed: bytes) -> list[str]:
    names = [each.strip().strip(b"`").decode("ascii", "replace") for each in listed.split(b",")]
    if len(names) > MOST_COLUMNS:
        raise Refusal("unreadable", "an INSERT names too many columns")
    return names


def _read_rows(line: bytes, at: int, width: int, position: int) -> tuple[list[list[Value]], bool]:
    """Return the rows of a line from a place on, and whether the statement ends in it."""
    rows: list[list[Value]] = []
    while match := _BEGIN.match(line, at):
        at = match.end()
        values: list[Value] = []
        while True:
            found = _VALUE.match(line, at)
            if found is None or len(values) >= width:
                raise Refusal("unreadable", f"a row before byte {position} cannot be read")
            at = found.end()
            values.append(_value(found))
            if found[5] == b")":
                break
        if len(values) != width:
            raise Refusal("unreadable", f"a row before byte {position} has {len(values)} values, not {width}")
        rows.append(values)
    rest = line[at:].strip()
    if rest not in {b"", b",", b";"}:
        raise Refusal("unreadable", f"what follows a row before byte {position} cannot be read")
    return rows, rest == b";"


def _value(found: re.Match[bytes]) -> Value:
    null, text, digits, number, _ = found.groups()
    if text is not None:
        return _ESCAPE.sub(_unescaped, text) if b"\\" in text or b"''" in text else text
    if digits is not None:
        try:
            return bytes.fromhex(digits.decode())
        except ValueError:
            raise Refusal("unreadable", "a hexadecimal value has half a byte") from None
    return None if null is not None else number


def _unescaped(found: re.Match[bytes]) -> bytes:
    letter: bytes | None = found[1]
    return b"'" if letter is None else _ESCAPES.get(letter, letter)

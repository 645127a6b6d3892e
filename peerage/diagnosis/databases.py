"""Checks of the databases: that they can be read whole, and are of this version; and how old the backup is."""

from collections.abc import Iterator
from pathlib import Path

from actions.diagnosis import Finding, Grade
from peerage.diagnosis.examined import Examined
from peerage.setting_values import format_size
from storage.database import DatabaseError
from storage.schema import PEERAGE, SWARMS, Schema
from storage.sqlite.snapshot import read_revision, require_sound

_DAY = 86_400
_OLD_BACKUP = 2 * _DAY
_LARGE_LOG = 256 * 2**20


def examine_databases(examined: Examined) -> Iterator[Finding]:
    """Find what is wrong with the databases; thorough reading takes as long as the disk takes for them."""
    folder = examined.folder
    for path, schema in ((folder.records, PEERAGE), (folder.swarms, SWARMS)):
        if path.exists():
            yield from _examine_database(path, schema, thorough=examined.thorough)
        elif folder.path.is_dir():
            yield Finding("databases", Grade.NOTE, f"{path.name} is not there yet: the service makes it")


def _examine_database(path: Path, schema: Schema, *, thorough: bool) -> Iterator[Finding]:
    lost = "Stop the service, and restore a backup: peerage restore DIR --force."
    if path.name == "swarms.db":
        lost = "Start the service again: it sets the file aside, and clients announce again."
    try:
        if thorough:
            require_sound(path)
        revision = read_revision(path)
    except DatabaseError as error:
        yield Finding("databases", Grade.PROBLEM, str(error), lost)
        return
    log = path.with_name(path.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > _LARGE_LOG:
        remedy = "Something reads it for very long, or the disk fails: restart the service."
        text = f"the log of {path.name} has grown to {format_size(size)}"
        yield Finding("databases", Grade.WARNING, text, remedy)
    if revision == schema.head:
        read = "was read whole and is sound" if thorough else "can be read"
        text = f"{path.name} {read}, {format_size(path.stat().st_size)}, at revision {revision}"
        yield Finding("databases", Grade.GOOD, text)
    elif revision is not None and revision > schema.head:
        text = f"{path.name} is of a later version of the program (revision {revision})"
        yield Finding("databases", Grade.PROBLEM, text, "Install that version again, or restore a backup.")
    else:
        text = f"{path.name} is of an earlier version (revision {revision or 'none'}, now {schema.head})"
        yield Finding(
            "databases", Grade.NOTE, text, "The next start migrates it; try it: peerage upgrade --check."
        )


def examine_backup(examined: Examined) -> Iterator[Finding]:
    """Find when the last backup was made, and whether it is still where it was."""
    if not examined.folder.records.exists():
        return
    made = examined.maintenance.entries("backup")
    last = next((entry for entry in made if entry.well), None)
    if last is None:
        remedy = "peerage backup DIR, every night, to another disk; the Debian package brings a timer."
        yield Finding("backup", Grade.WARNING, "no backup was ever made of this folder", remedy)
        return
    where, age = Path(str(last.details.get("folder", ""))), max(0.0, examined.now - last.time)
    said = f"the last backup that went well is {_age(age)} old ({where})"
    if age > _OLD_BACKUP:
        remedy = "See why it is not made any more: systemctl status peerage-backup.timer, or your crontab."
        yield Finding("backup", Grade.WARNING, said, remedy)
    elif not where.is_dir():
        yield Finding("backup", Grade.WARNING, f"{said}, and is not there any more", "Make one.")
    elif where.stat().st_dev == examined.folder.path.stat().st_dev:
        remedy = "Copy it elsewhere: what takes the disk takes both."
        yield Finding("backup", Grade.NOTE, f"{said}, on the same disk as the data", remedy)
    else:
        yield Finding("backup", Grade.GOOD, said)
    if made and not made[0].well:
        remedy = "Make one by hand and read what it says: peerage backup DIR"
        yield Finding("backup", Grade.WARNING, "the newest backup lacks something", remedy)


def _age(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 2 * _DAY else f"{seconds / _DAY:.0f} days"

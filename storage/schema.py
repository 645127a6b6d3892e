"""The schemas of the databases: where their Alembic revisions are, and which is the newest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema: the folder of its Alembic revisions, and the newest of them.

    The newest is named here so that a database that has it is opened without Alembic, which is slow to load.
    """

    revisions: Path
    head: str


PEERAGE: Final = Schema(_MIGRATIONS / "peerage", "0028")
SWARMS: Final = Schema(_MIGRATIONS / "swarms", "0003")

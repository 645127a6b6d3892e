"""Settings of the lists that files hold."""

from pathlib import Path
from typing import Annotated

from peerage.sections.section import Duration, OptionalPath, Section, Setting


class ListsSection(Section, frozen=True, kw_only=True):
    """Files of lines that lists are kept equal to, read again when they change."""

    deny_torrents: Annotated[OptionalPath, Setting("A file of infohashes to block.", takes="a path")] = None
    allow_torrents: Annotated[
        OptionalPath, Setting("A file of infohashes that are tracked in listed mode.", takes="a path")
    ] = None
    deny_clients: Annotated[
        OptionalPath, Setting("A file of clients that may not announce, as `-UT ..3.5.4`.", takes="a path")
    ] = None
    allow_clients: Annotated[
        OptionalPath, Setting("A file of clients that may, though a wider rule denies them.", takes="a path")
    ] = None
    deny_addresses: Annotated[
        OptionalPath,
        Setting("A file of networks that may not announce, as `192.0.2.0/24`.", takes="a path"),
    ] = None
    allow_addresses: Annotated[
        OptionalPath, Setting("A file of networks that may, though a wider rule denies them.", takes="a path")
    ] = None
    look_every: Annotated[Duration, Setting("Seconds between two looks at the files.", 1, 86_400)] = 10.0

    @property
    def paths(self) -> dict[str, Path]:
        """The files that are named, by their settings."""
        names = [name for name in self.__struct_fields__ if name != "look_every"]
        return {name: path for name in names if (path := getattr(self, name)) is not None}

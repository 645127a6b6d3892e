"""The command that gives a torrent to an account: torrent own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from peerage.commands.account_names import find_account
from peerage.commands.command import Command
from peerage.commands.terminal import print_each

if TYPE_CHECKING:
    from accounts.model import Principal
    from catalogue.model import Person
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class AssignTorrent:
    """Give a torrent to an account, which may then edit and delete it; without a name, to nobody."""

    infohash: Annotated[str, click.Argument(["infohash"], metavar="HASH")]
    name: Annotated[str, click.Argument(["name"], metavar="[NAME]", required=False, default="")] = ""


@dataclass(frozen=True, slots=True)
class OwnerRecord:
    """A torrent and its owner's name, empty for nobody."""

    infohash: str
    title: str
    owner: str


async def find_owner(application: "Application", name: str) -> "Person":
    """Return an account as the owner of torrents. Refusal: `not-found`."""
    from catalogue.model import Person  # noqa: PLC0415 - where the command runs

    user = await find_account(application, name)
    return Person(user.id, user.name)


async def _assign(
    application: "Application", operator: "Principal", arguments: AssignTorrent
) -> AsyncIterator[OwnerRecord]:
    curation = application.curation
    found = await application.catalogue_records.store.torrents.torrent(
        InfoHash.parse(arguments.infohash).truncated, curation.viewer(operator)
    )
    if found is None:
        raise Refusal("not-found", "no torrent has that infohash")
    owner = await find_owner(application, arguments.name) if arguments.name else None
    torrent = await curation.assign_torrent(operator, found.id, owner)
    yield OwnerRecord(torrent.infohash.upper, torrent.title, owner.name if owner is not None else "")


async def _show(_arguments: AssignTorrent, records: AsyncIterator[OwnerRecord]) -> bool:
    return await print_each(records, lambda each: f"{each.infohash}  {each.owner or 'nobody'}  {each.title}")


ASSIGN_TORRENT = Command(
    path=("torrent", "own"),
    arguments=AssignTorrent,
    record=OwnerRecord,
    run=_assign,
    show=_show,
    starts=False,
)

"""The command that follows another service."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import click

from bittorrent.refusal import Refusal
from peerage.commands.command import Command
from peerage.commands.progress import Progress, with_progress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from accounts.model import Principal
    from actions.mirroring import MirrorProgress
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class Mirror:
    """Take over the public records and files of another Peerage, from where it was left; safe to repeat."""

    url: Annotated[str, click.Argument(["url"], metavar="URL")]
    key: Annotated[
        str,
        click.Option(
            ["--key"],
            envvar="PEERAGE_MIRROR_KEY",
            metavar="KEY",
            default="",
            help="A key of that service's scope rest; a moderator's is told its blocks too.",
        ),
    ] = ""


@dataclass(frozen=True, slots=True)
class MirroredPage:
    """What became of a page of changes: how far the service was read, and how many torrents were concerned."""

    position: int
    newest: int
    taken: int
    left_out: int
    removed: int
    blocked: int


async def _mirror(
    application: "Application", _operator: "Principal", arguments: Mirror
) -> AsyncIterator[MirroredPage]:
    from actions.mirroring import MirrorFailed, MirrorSource  # noqa: PLC0415 - where the command runs
    from peerage.setting_values import read_public_url  # noqa: PLC0415
    from peerage.wiring.mirror import make_mirroring  # noqa: PLC0415

    try:
        url = read_public_url(arguments.url)
    except ValueError as error:
        raise Refusal("bad-request", str(error)) from None
    if not isinstance(url, str):
        raise Refusal("bad-request", "name the URL of a service")
    mirroring = make_mirroring(application, MirrorSource(url, arguments.key))
    try:
        async with aclosing(cast("AsyncGenerator[MirrorProgress, None]", mirroring.catch_up())) as steps:
            async for step in steps:
                state = step.state
                yield MirroredPage(
                    state.position, state.newest, step.taken, step.left_out, step.removed, step.blocked
                )
    except MirrorFailed as failed:
        raise Refusal("mirror-failed", str(failed)[:200]) from None


async def _show(_arguments: Mirror, records: AsyncIterator[MirroredPage]) -> bool:
    """Show how far the service was read, then what became of its torrents."""
    counts = dict.fromkeys(("taken", "left_out", "removed", "blocked"), 0)
    progress = Progress("Mirroring", 1)
    position = newest = 0
    ended = False

    def moved(record: MirroredPage, _: int) -> int:
        progress.length = max(record.newest, 1)
        return record.position

    try:
        async for record in with_progress(records, progress, moved):
            position, newest = record.position, record.newest
            for name in counts:
                counts[name] += getattr(record, name)
        ended = True
    finally:
        if ended or newest:
            told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
            click.echo(f"{told}; change {position:,} of {newest:,}")
    return True


MIRROR = Command(
    path=("mirror",), arguments=Mirror, record=MirroredPage, run=_mirror, show=_show, creates_folder=True
)

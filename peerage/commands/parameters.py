"""Types of command arguments, on the command line and on the control socket."""

import os
from typing import Annotated

import click

Infohash = Annotated[str, click.Argument(["infohash"], metavar="HASH")]
"""The infohash of a torrent."""


class AbsolutePathType(click.Path):
    """A path on the command line, made absolute: the server runs in another folder."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the path and make it absolute."""
        return os.path.abspath(os.fsdecode(super().convert(os.fspath(str(value)), param, ctx)))  # noqa: PTH100 - links stay as they are


def read_seconds(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """Return a time such as 30d or 12h in seconds; a callback of click."""
    from peerage.setting_values import read_duration  # noqa: PLC0415 - not for --help

    if text is None:
        return None
    try:
        return int(float(str(read_duration(text))))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None

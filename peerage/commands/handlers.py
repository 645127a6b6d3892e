"""Commands as the control socket calls them: JSON arguments in, JSON records out."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from accounts.model import Principal
from bittorrent.refusal import Refusal
from doors.control import ControlCommand
from peerage.commands.command import Command, encode
from peerage.wiring.application import Application

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

OPERATOR = "by"
"""The argument beside a command's own: the name of the operator."""

_NAME_LIMIT = 64


def control_commands(
    application: Application, commands: Iterable[Command[Any, Any]]
) -> Mapping[str, ControlCommand]:
    """Return commands by name, over an application.

    A command raises Refusal `bad-request` for arguments that are missing, unknown or of the wrong type.
    """
    return MappingProxyType({command.name: _handler(command, application) for command in commands})


def _handler(command: Command[Any, Any], application: Application) -> ControlCommand:
    async def handle(given: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        values = dict(given)
        operator = _operator(values.pop(OPERATOR, None))
        arguments = command.decode(values, strict=True)
        records = cast("AsyncGenerator[Any, None]", command.run(application, operator, arguments))
        async with aclosing(records):
            async for record in records:
                yield encode(record)

    return handle


def _operator(name: object) -> Principal:
    if not isinstance(name, str):
        raise Refusal("bad-request", f"a command needs '{OPERATOR}', the operator's name")
    if not name.isprintable() or not 0 < len(name) <= _NAME_LIMIT:
        raise Refusal("bad-reason")
    return Principal(operator=name)

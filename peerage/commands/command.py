"""A command's declaration: its arguments, its records, what it does and how that is shown."""

import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import click

from bittorrent.refusal import Refusal

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.config import Settings
    from peerage.wiring.application import Application

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Generic[A, R]):
    """One command of the operator.

    `path` are its words on the command line; joined by hyphens they are its name on the control socket.
    `arguments` is a frozen dataclass: its docstring is the help, and each field carries its click parameters as
    `Annotated` metadata. `record` is the dataclass that `run` yields, or a union of several; arguments and records
    are made of JSON values. `show` prints the records and returns whether all went well.
    """

    path: tuple[str, ...]
    arguments: type[A]
    record: Any
    run: "Callable[[Application, Principal, A], AsyncIterator[R]]"
    show: Callable[[A, AsyncIterator[R]], Coroutine[None, None, bool]]
    run_closed: "Callable[[Settings, A], AsyncIterator[R]] | None" = None
    """What runs instead where no server does, on a data folder that nobody opened."""
    wrong_settings: Callable[[Sequence[str]], Iterable[R]] | None = None
    """What wrong settings are to the command, by a sentence for each; None where they end it before it begins."""
    creates_folder: bool = False
    """Whether it may create the data folder; for any other, one that is not there is a mistake in --data."""
    starts: bool = True
    """Whether files and records of a folder that no server owns are reconciled, and what is blocked deleted, before it
    runs; False where it reads and changes accounts, lists or titles alone, or says below what it reads."""
    reads_files: bool = False
    """Whether files and records, if nothing else, are reconciled before it runs on a folder that no server owns."""
    takes_hyphens: bool = False
    """Whether an argument may begin with a hyphen."""
    counts_swarms: bool = False
    """Whether the swarms are restored from the journal before it runs on a folder that no server owns."""

    @property
    def name(self) -> str:
        """The name on the control socket."""
        return "-".join(self.path)

    @property
    def help(self) -> str:
        """The help on the command line."""
        return cleandoc(self.arguments.__doc__ or "")

    def parameters(self) -> list[click.Parameter]:
        """Return the click parameters of the arguments."""
        hints = get_type_hints(self.arguments, include_extras=True).values()
        annotations = [each for hint in hints if get_origin(hint) is Annotated for each in get_args(hint)[1:]]
        return [each for each in annotations if isinstance(each, click.Parameter)]

    def decode(self, given: Mapping[str, Any], *, strict: bool) -> A:
        """Check arguments and make them of the declared types. Refusal: `bad-request`."""
        names = [field.name for field in fields(self.arguments)]  # type: ignore[arg-type]
        if not given.keys() <= set(names):
            raise Refusal("bad-request", f"this command takes {', '.join(names) or 'no arguments'}")
        from msgspec import ValidationError  # noqa: PLC0415 - not for --help

        try:
            return _made(self.arguments, given, strict=strict)
        except ValidationError as error:
            raise Refusal("bad-request", str(error)) from None

    def decode_record(self, given: Mapping[str, Any]) -> R:
        """Make a record of what the control socket sent. ValueError: it is none of this command."""
        for kind in get_args(self.record) or (self.record,):
            taken = {field.name: field.default is field.default_factory is MISSING for field in fields(kind)}
            if {name for name, needed in taken.items() if needed} <= given.keys() <= taken.keys():
                return _made(kind, given, strict=True)  # type: ignore[no-any-return]
        raise ValueError(f"no record of {self.name} has {', '.join(given)}")


def encode(value: object) -> dict[str, Any]:
    """Return arguments or a record as a JSON object."""
    from msgspec import to_builtins  # noqa: PLC0415 - not for --help

    return to_builtins(value, enc_hook=str)  # type: ignore[no-any-return]


def _made(kind: type[A], given: Mapping[str, Any], *, strict: bool) -> A:
    """Make a value of a dataclass from JSON values. msgspec.ValidationError, a ValueError."""
    from msgspec import convert  # noqa: PLC0415 - not for --help

    return convert(given, kind, strict=strict, dec_hook=_path)


def _path(kind: type, value: object) -> Path:
    """Make the one kind of value that JSON has no type for; a server runs in another folder than who asks it."""
    if kind is Path and isinstance(value, str) and "\0" not in value and os.path.isabs(value):  # noqa: PTH117
        return Path(value)
    raise ValueError("Expected an absolute path")

"""A command's declaration: its arguments, its records, what it does and how that is shown."""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, fields
from functools import cache
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import click

from bittorrent.refusal import Refusal

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from accounts.model import Principal
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
    creates_folder: bool = False
    """Whether it may create the data folder; for any other, one that is not there is a mistake in --data."""
    starts: bool = True
    """Whether a folder that no server owns is reconciled and the tracker told the lists before it runs; False where it
    reads and changes accounts, lists or titles alone, or says below what it reads."""
    reads_files: bool = False
    """Whether files and records, if nothing else, are reconciled before it runs on a folder that no server owns."""
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
        return _validated(self.arguments, given, strict)  # type: ignore[return-value]

    def decode_record(self, given: Mapping[str, Any]) -> R:
        """Make a record of what the control socket sent. ValueError: it is none of this command."""
        return _adapter(self.record).validate_python(given)  # type: ignore[no-any-return]


def encode(value: object) -> dict[str, Any]:
    """Return arguments or a record as a JSON object."""
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - not for --help

    return to_jsonable_python(value)  # type: ignore[no-any-return]


def _validated(kind: object, given: Mapping[str, Any], strict: bool) -> object:
    from pydantic import ValidationError  # noqa: PLC0415 - not for --help
    from pydantic_core import to_json  # noqa: PLC0415

    adapter = _adapter(kind)
    try:
        # JSON has no tuples, paths or enumerations: what stands for them is taken though types are strict.
        checked: object = (
            adapter.validate_json(to_json(given), strict=True) if strict else adapter.validate_python(given)
        )
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(str(part) for part in problem["loc"])
        raise Refusal("bad-request", f"{name}: {problem['msg']}") from None
    return checked


@cache
def _adapter(kind: object) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter  # noqa: PLC0415 - not for --help

    return TypeAdapter(kind)  # type: ignore[arg-type]

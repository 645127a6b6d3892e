"""Builds the statements of each store once in a process: applications that come later get copies over their own database.

Writing some hundred SQL expressions takes longer than all that a short run does with them, and they depend on nothing
but the table. What is copied is held to a list of types, so that nothing which one application changes reaches another.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any
from unittest import mock

from sqlalchemy import Table

import storage
from storage.dialect import Statement
from storage.sqlite.dialect import SqliteDialect

_SHARED = (Statement, SqliteDialect, Table, str, bytes, int, float, type(None), frozenset)
"""What never changes, or not so that it can be told."""


@contextmanager
def stores_built_once() -> Iterator[None]:
    """While it lasts, build the statements of a store when the first of its kind is made."""
    classes = list(_store_classes())
    initializers = [mock.patch.object(each, "__init__", _once(each, tuple(classes))) for each in classes]
    for each in initializers:
        each.start()
    try:
        yield
    finally:
        for each in initializers:
            each.stop()


def _store_classes() -> Iterator[type]:
    """The classes of `storage` that are made over a database, and keep what they are made of in attributes."""
    for found in pkgutil.walk_packages(storage.__path__, "storage."):
        if ".migrations." in found.name:
            continue
        module = importlib.import_module(found.name)
        for _, each in inspect.getmembers(module, inspect.isclass):
            own = each.__module__ == found.name and "__init__" in vars(each)
            if own and "database" in inspect.signature(each).parameters:
                yield each


def _once(made: type, classes: tuple[type, ...]) -> Callable[..., None]:
    original: Callable[..., None] = made.__init__  # type: ignore[misc]
    templates: dict[tuple[object, ...], tuple[list[Any], dict[str, Any]]] = {}

    @wraps(original)
    def init(self: Any, *arguments: Any) -> None:
        key = tuple(each if isinstance(each, Table | int | float) else type(each) for each in arguments)
        if key not in templates:
            original(self, *arguments)
            given = {id(each): each for each in arguments}
            templates[key] = list(arguments), _copy(vars(self), given, classes)
            return
        before, attributes = templates[key]
        given = {id(old): new for old, new in zip(before, arguments, strict=True)}
        vars(self).update(_copy(attributes, given, classes))

    return init


def _copy(value: Any, given: Mapping[int, Any], classes: tuple[type, ...]) -> Any:
    """Copy what a store is made of, with what it was given in place of what its template was given."""
    if id(value) in given:
        return given[id(value)]
    if isinstance(value, _SHARED):
        return value
    if isinstance(value, dict):
        return {name: _copy(each, given, classes) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copy(each, given, classes) for each in value)
    if isinstance(value, classes):
        copied = object.__new__(type(value))
        vars(copied).update(_copy(vars(value), given, classes))
        return copied
    raise TypeError(f"{value!r} of a store may change, and applications would share it")

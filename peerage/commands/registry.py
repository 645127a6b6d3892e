"""Every command, by the module that declares it: a command line imports the one that it needs."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from itertools import chain
from types import MappingProxyType
from typing import Any

from peerage.commands.command import Command

MODULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "import": ("transfer",),
        "export": ("transfer",),
        "titles": ("transfer",),
        "mirror": ("mirror",),
        "backup": ("backup",),
        "block": ("lists",),
        "unblock": ("lists",),
        "allow": ("lists",),
        "disallow": ("lists",),
        "lists": ("show_lists",),
        "rule": ("rules",),
        "torrent": ("ownership",),
        "stats": ("status",),
        "census": ("status",),
        "check": ("status",),
        "room": ("room",),
        "doctor": ("doctor",),
        "top": ("top",),
        "search": ("catalogue",),
        "show": ("catalogue",),
        "delete": ("catalogue",),
        "jobs": ("jobs",),
        "webhook": ("webhooks",),
        "user": ("users", "user_records", "credentials"),
        "key": ("keys", "credentials"),
        "credit": ("credit",),
        "site": ("site",),
        "invite": ("invites",),
        "standing": ("invites",),
    }
)
"""The modules of `peerage.commands` by the first word of their commands."""


def commands_of(word: str) -> list[Command[Any, Any]]:
    """Return the commands that begin with a word. KeyError: none does."""
    declared = [vars(import_module(f"peerage.commands.{name}")).values() for name in MODULES[word]]
    return [each for each in chain(*declared) if isinstance(each, Command) and each.path[0] == word]


@cache
def every_command() -> Mapping[str, Command[Any, Any]]:
    """Return all commands by their names on the control socket."""
    return MappingProxyType({each.name: each for word in MODULES for each in commands_of(word)})

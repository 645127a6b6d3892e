"""What a service takes from its surroundings: clocks, chance, and what tests replace."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from actions.uploads import ReleaseParser
    from catalogue.imdb_titles import ImdbTitles
    from downloads.engine import Engine


class NoNativeStore(Exception):
    """The settings ask for the C store, and the extension was not built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The surroundings of a service; `clock` returns unix seconds, `timer` seconds that never go back.

    None stands for the usual: argon2id at its full cost, the titles that the operator imported, the parser of release
    names over them, the libtorrent engine.
    """

    clock: Callable[[], float] = time.time
    timer: Callable[[], float] = time.monotonic
    random: Callable[[int], bytes] = os.urandom
    password_hasher: "PasswordHasher | None" = None
    titles: "ImdbTitles | None" = None
    release_parser: "ReleaseParser | None" = None
    engine: "Engine | None" = None


SYSTEM = Environment()

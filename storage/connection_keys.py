"""The keys of UDP connection ids among the secrets of the data folder, a file for each span of time.

They outlive a restart, so that clients keep their ids, and none is older than two spans.
"""

import re
from collections.abc import Callable
from typing import Final

from storage.data_folder import DataFolder

SPAN = 6 * 3600
"""Seconds for which ids are given by one key."""

_NAME: Final = "udp-"
_SPAN_NAME: Final = re.compile(r"udp-([0-9]{1,12})")


class FolderConnectionKeys:
    """Keys of `size` bytes; `random` returns that many."""

    def __init__(self, folder: DataFolder, size: int, random: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._size = size
        self._random = random

    def at(self, now: int) -> tuple[bytes, bytes]:
        """Return the key of the span of a unix second and that of the span before, and destroy all others.

        FolderError: see `DataFolder.secret`.
        """
        spans = now // SPAN, now // SPAN - 1
        for name in self._folder.secret_names():
            if (found := _SPAN_NAME.fullmatch(name)) and int(found[1]) not in spans:
                self._folder.destroy_secret(name)
        current, previous = (
            self._folder.secret(f"{_NAME}{span}", self._size, self._random) for span in spans
        )
        return current, previous

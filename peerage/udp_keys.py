"""Keeps the keys of UDP connection ids: reads them from the data folder, and gives the doors others when due."""

import asyncio
from collections.abc import Callable

import structlog

from doors.connection_ids import ConnectionKeys
from storage.connection_keys import SPAN, FolderConnectionKeys
from storage.data_folder import FolderError

_CHECK_SECONDS = 60.0

log = structlog.get_logger()


class UdpKeys:
    """The present keys; `clock` gives unix seconds."""

    def __init__(self, folder: FolderConnectionKeys, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._span = -1
        self._tell: list[Callable[[ConnectionKeys], None]] = []
        self.keys = self._read()

    def subscribe(self, tell: Callable[[ConnectionKeys], None]) -> None:
        """Tell the present keys now, and others once there are."""
        self._tell.append(tell)
        tell(self.keys)

    def roll(self) -> None:
        """Take the keys of the present time, and tell them where they are others."""
        if int(self._clock()) // SPAN != self._span:
            self.keys = self._read()
            for tell in self._tell:
                tell(self.keys)

    async def run(self) -> None:
        """Roll for ever; where the folder cannot be written, the present keys stay until it can."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            try:
                await asyncio.to_thread(self.roll)
            except (OSError, FolderError) as error:
                log.warning("udp_keys.kept", error=str(error))

    def _read(self) -> ConnectionKeys:
        now = int(self._clock())
        keys = ConnectionKeys(*self._folder.at(now))
        self._span = now // SPAN
        return keys

"""The cache's .torrent files as objects of a bucket, named as files are: AA/BB/REST.torrent.gz below a prefix."""

import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from bittorrent.infohash import InfoHash
from cache.record import StoredFile, packed_digest
from storage.files import MAX_FILE_SIZE, SUFFIX, WALK_BATCH
from storage.unavailable import StorageUnavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_NAME = re.compile(r"(?:.*/)?([0-9A-F]{2})/([0-9A-F]{2})/([0-9A-F]{36})\.torrent\.gz\Z")
_ENDPOINTS = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_BAD = ".bad"
_ANSWER_SECONDS = 20
_CONNECT_SECONDS = 5
_TRIES = 3
_TRIES_SECONDS = 30

log = structlog.get_logger()


def open_bucket(url: str, environment: Mapping[str, str]) -> S3Store:
    """Return the bucket of an address `s3://bucket/prefix`.

    Keys, region and endpoint come from the environment, by the names that the AWS command line uses; an endpoint may
    be one without TLS.
    """
    parts = urlsplit(url)
    plain = any(environment.get(name, "").startswith("http://") for name in _ENDPOINTS)
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        client_options={
            "allow_http": plain,
            "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
            "timeout": timedelta(seconds=_ANSWER_SECONDS),
        },
        retry_config={"max_retries": _TRIES, "retry_timeout": timedelta(seconds=_TRIES_SECONDS)},
    )


class ObjectBlobs:
    """The .torrent files of the cache in a bucket, which several processes may share.

    An object is put where there is none, as one call of the bucket that it answers when the object is durable. What is
    read is compared with its digest each time: it came over a network.
    """

    def __init__(self, store: "ObjectStore", max_file_size: int = MAX_FILE_SIZE) -> None:
        self._store = store
        self._max_file_size = max_file_size
        self.set_aside_count = 0

    async def put(self, infohash: InfoHash, packed: bytes) -> StoredFile:
        """Store gzip bytes; an existing object stays. StorageUnavailable: the bucket fails or does not answer."""
        with _errors_refused():
            try:
                await obstore.put_async(
                    self._store, _name(infohash), packed, mode="create", use_multipart=False
                )
            except AlreadyExistsError:
                kept = await self._read(_name(infohash))
            else:
                return StoredFile.of(packed)
        if kept is None:
            log.error("objects.unreadable", infohash=infohash.upper)
            raise StorageUnavailable("busy")
        return StoredFile.of(kept, kept=True)

    async def get(
        self, infohash: InfoHash, digest: bytes | None = None, *, again: bool = False
    ) -> bytes | None:
        """Return the gzip bytes, or None: missing, too large, or of another digest, which is computed each time.

        StorageUnavailable: the bucket fails or does not answer.
        """
        del again
        with _errors_refused():
            packed = await self._read(_name(infohash))
        wrong = packed is None or (digest is not None and packed_digest(packed) != digest)
        return None if wrong else packed

    async def set_aside(self, infohash: InfoHash) -> None:
        """Move an object below `.bad`, where the operator finds it; one that is missing is no error."""
        kept = f"{_BAD}/{infohash.upper}-{time.time_ns()}{SUFFIX}"
        with _errors_refused():
            if await _found(obstore.copy_async(self._store, _name(infohash), kept)):
                await _found(obstore.delete_async(self._store, _name(infohash)))
                self.set_aside_count += 1
                log.error("objects.set_aside", infohash=infohash.upper, kept=kept)

    async def remove(self, infohash: InfoHash) -> bool:
        """Delete the object; return whether it was there."""
        with _errors_refused():
            return await _found(obstore.head_async(self._store, _name(infohash))) and await _found(
                obstore.delete_async(self._store, _name(infohash))
            )

    async def walk(self) -> AsyncIterator[list[InfoHash]]:
        """Yield the infohash of every object in ascending order, a thousand at a time; those below `.bad` are none."""
        with _errors_refused():
            async for page in obstore.list(self._store, chunk_size=WALK_BATCH):
                found = (_NAME.match(each["path"]) for each in page)
                names = [InfoHash.parse("".join(each.groups())) for each in found if each is not None]
                if names:
                    yield names

    async def free(self) -> int:
        """Return more than anything takes: a bucket tells nobody how much it has room for."""
        return sys.maxsize

    async def _read(self, name: str) -> bytes | None:
        try:
            answer = await obstore.get_async(self._store, name)
        except FileNotFoundError:
            return None
        if answer.meta["size"] > self._max_file_size:
            return None
        return bytes(await answer.bytes_async())


async def _found(call: Awaitable[object]) -> bool:
    """Await a call of the bucket; return whether the object that it is about was there."""
    try:
        await call
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _errors_refused() -> Iterator[None]:
    """Raise what a bucket that fails or does not answer raises as StorageUnavailable."""
    try:
        yield
    except (BaseError, OSError, TimeoutError) as error:
        if isinstance(error, StorageUnavailable):
            raise
        log.warning(
            "objects.unavailable", kind=type(error).__name__, error=str(error).partition("\n")[0][:300]
        )
        raise StorageUnavailable("busy") from error


def _name(infohash: InfoHash) -> str:
    hexadecimal = infohash.upper
    return f"{hexadecimal[:2]}/{hexadecimal[2:4]}/{hexadecimal[4:40]}{SUFFIX}"

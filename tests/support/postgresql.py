"""A PostgreSQL server of a test's own: Debian's programs, run as an ordinary user on a free port, ended with the tests."""

import asyncio
import atexit
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

from storage.postgresql.database import PostgresqlDatabase
from storage.schema import Schema

USER, PASSWORD = "peerage", "not-to-be-seen"
_PROGRAMS = Path("/usr/lib/postgresql")
_ORDINARY = "nobody"
_SECONDS = 60.0
# Nothing here has to survive the machine.
_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
}


class PostgresqlServer:
    """A running server. `stop` and `start` may follow each other."""

    def __init__(self) -> None:
        # An ordinary user cannot go through the folders that tests get.
        memory = Path("/dev/shm")
        parent = memory if os.access(memory, os.W_OK) else Path("/tmp")
        self._folder = Path(tempfile.mkdtemp(prefix="peerage-postgresql-", dir=parent))
        self._log = self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._names = count(1)
        self.port = 0
        (self._folder / "password").write_text(PASSWORD)
        if self._owner:
            for each in (self._folder, self._folder / "password"):
                shutil.chown(each, _ORDINARY)
        self._run(
            *("initdb", "--pgdata", str(self._folder / "data"), "--username", USER, "--no-sync"),
            *("--auth", "scram-sha-256", "--pwfile", str(self._folder / "password")),
            # The order of texts must not depend on what a server's is, which here is that of a language.
            *("--encoding", "UTF8", "--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en"),
        )

    @property
    def _owner(self) -> dict[str, Any]:
        """How to run as an ordinary user where this is root, whom the server refuses."""
        if os.getuid():
            return {}
        ordinary = pwd.getpwnam(_ORDINARY)
        return {"user": ordinary.pw_uid, "group": ordinary.pw_gid, "extra_groups": []}

    def url(self, database: str) -> str:
        """Return the address of a database, with the password in it."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> "PostgresqlServer":
        """Start, and wait until it answers; on a port that was free a moment before."""
        if not self.port:
            with socket.socket() as asked:
                asked.bind(("127.0.0.1", 0))
                self.port = asked.getsockname()[1]
        options = _OPTIONS | {"unix_socket_directories": str(self._folder), "port": str(self.port)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(_program("postgres")),
                    *("-D", str(self._folder / "data")),
                    *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._owner,
            )
        end = time.monotonic() + _SECONDS
        while self._ask("pg_isready", "--host", "127.0.0.1", "--port", str(self.port)).returncode:
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"PostgreSQL did not start:\n{self._log.read_text(errors='replace')}")
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """End it as a lost machine would."""
        self._end("kill")

    def stop(self) -> None:
        """End it at once, and whoever is connected."""
        self._end("terminate")

    def _end(self, how: str) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        if how == "kill":
            self._run("pg_ctl", "stop", "--pgdata", str(self._folder / "data"), "--mode", "immediate")
        else:
            self._run("pg_ctl", "stop", "--pgdata", str(self._folder / "data"), "--mode", "fast")
        self._process.wait(_SECONDS)

    def remove(self) -> None:
        """End it and remove what it stored."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def create(self, template: str | None = None) -> str:
        """Create a database, empty or as a copy of another, and return its name."""
        name = f"test{next(self._names)}"
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            copied = f" TEMPLATE {template} STRATEGY file_copy" if template else ""
            await connection.execute(f"CREATE DATABASE {name}{copied}")
        finally:
            await connection.close()
        return name

    async def migrated(self, schema: Schema) -> str:
        """Return the address of a new database of a schema; each is a copy of one that was migrated."""
        template = f"template_{schema.revisions.name}"
        if template not in self._templates:
            connection = await asyncpg.connect(self.url("postgres"))
            await connection.execute(f"CREATE DATABASE {template}")
            await connection.close()
            await (await PostgresqlDatabase.open(self.url(template), schema, 1)).close()
            self._templates.add(template)
        return self.url(await self.create(template))

    @property
    def _templates(self) -> set[str]:
        return vars(self).setdefault("_made", set())

    def _run(self, program: str, *arguments: str) -> None:
        found = self._ask(program, *arguments)
        assert found.returncode == 0, f"{program}: {found.stdout}"

    def _ask(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(_program(program)), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            cwd=self._folder,
            check=False,
            **self._owner,
        )


@cache
def _program(name: str) -> Path:
    """Find a program of PostgreSQL: Debian keeps those of the server outside of the path."""
    found = sorted(_PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3].partition(".")[0]))
    if found:
        return found[-1]
    path = shutil.which(name)
    assert path is not None, "install Debian's package postgresql"
    return Path(path)


@cache
def shared_server() -> PostgresqlServer:
    """The server of this process, started when it is first asked for."""
    server = PostgresqlServer().start()
    atexit.register(server.remove)
    return server


async def open_postgresql(schema: Schema, readers: int = 2) -> PostgresqlDatabase:
    """Open a new database of a schema."""
    server = await asyncio.to_thread(shared_server)
    return await PostgresqlDatabase.open(await server.migrated(schema), schema, readers)

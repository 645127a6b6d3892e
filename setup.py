"""The build of the C extension: with any C compiler, or not at all, and then the store in Python serves."""

import os
from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("tracker/native")
STORE = [
    "module.c",
    "module_access.c",
    "module_changes.c",
    "store.c",
    "sessions.c",
    "limits.c",
    "largest.c",
    "access.c",
    "denials.c",
    "changes.c",
    "replication.c",
    "shares.c",
    "sweep.c",
    "journal.c",
    "swarm.c",
    "pool.c",
]
TABLES = ["table.c", "queue.c"]
HANDLERS = [
    "handler_http.c",
    "handler_udp.c",
    "handler_file.c",
    "http_request.c",
    "query.c",
    "client.c",
    "connection_ids.c",
    "proxy_protocol.c",
    "sockets.c",
    "socket_peers.c",
    "socket_messages.c",
    "websocket.c",
]
DOOR = [
    "door_module.c",
    "module_files.c",
    "module_sockets.c",
    "kept_files.c",
    "stored_files.c",
    "loop.c",
    "connections.c",
    *HANDLERS,
]

door = [name for name in DOOR if (NATIVE / name).is_file()]
extra = os.environ.get("PEERAGE_CFLAGS", "").split()

setup(
    ext_modules=[
        Extension(
            "tracker._native",
            [str(NATIVE / name) for name in STORE + TABLES + door],
            depends=[str(header) for header in sorted(NATIVE.glob("*.h"))],
            define_macros=[("_GNU_SOURCE", "1"), *([("PEERAGE_DOOR", "1")] if door else [])],
            extra_compile_args=["-std=c11", "-O3", "-fvisibility=hidden", "-Wall", "-Wextra", *extra],
            extra_link_args=["-pthread", *[flag for flag in extra if flag.startswith("-fsanitize")]],
            optional=True,
        )
    ]
)

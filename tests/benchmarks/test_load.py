"""The load programs: what they send, what they make of the answer, and what they refuse to do."""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from benchmarks.generators import LoadError, build, drive, torrent_hash

Program = Callable[[str], Path]

BAD_REPLIES = (
    b"",
    b"\r\n\r\n",
    b"HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n" + b"\r" * 200,
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nde",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nde",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde and more",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nd5:peers",
    b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nd5:peers9:1e",
    b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\nd5:peers5:12345e",
    b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nd5:peersi1ee",
    b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nd14:failure reason4:sorrye!",
    b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\nd14:failure reason3:sorre",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 11\r\n\r\nd5:peers0:e",
    b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nd1:a" + b"l" * 496,
    b"x" * 40_000,
    b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 40_000,
)


@contextmanager
def ceiling(program: Path, *options: str) -> Iterator[int]:
    command = [str(program), "--seconds", "60", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["port"]
        finally:
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=20)
        assert (process.returncode, complaints) == (0, b"")


@contextmanager
def in_thread(serve: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("options", [(), ("--close",), ("--connections", 3, "--addresses", 1)])
def test_http_load_gets_a_good_reply_to_every_announce(
    program: Program, options: tuple[str | int, ...]
) -> None:
    with ceiling(program("ceiling"), "--peers", "7") as port:
        result = drive(program("http_load"), port, 10, "--requests", 500, *options)
    assert result.failures == 0
    assert result.requests >= 500
    assert (result.peers_per_reply, result.p99_us > result.p50_us > 0) == (7, True)


def test_udp_load_gets_a_good_reply_to_every_request(program: Program) -> None:
    with ceiling(program("ceiling"), "--peers", "7") as port:
        result = drive(program("udp_load"), port, 10, "--requests", 2000)
    assert result.failures == 0
    assert result.requests >= 2000
    assert (result.peers_per_reply, result.body_per_reply) == (7, 62)


@pytest.mark.parametrize("name", ["http_load", "udp_load"])
def test_filling_announces_every_peer_once(program: Program, name: str) -> None:
    with ceiling(program("ceiling")) as port:
        result = drive(program(name), port, 20, "--fill", "--torrents", 30, "--peers", 7, "--addresses", 3)
    assert (result.requests, result.failures) == (210, 0)


@pytest.mark.parametrize("name", ["http_load", "udp_load", "file_load", "ceiling"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "6969", "--address", "10.0.0.1"),
        ("--port", "6969", "--address", "0.0.0.0"),
        ("--port", "6969", "--address", "128.0.0.1"),
        ("--port", "6969", "--address", "localhost"),
        ("--port", "65536"),
        ("--port", "-1"),
        ("--port", "1x"),
        ("--port", "6969", "--seconds", "100000"),
        ("--port", "6969", "stray"),
        ("--nonsense",),
    ],
)
def test_only_loopback_and_bounded_numbers_are_taken(
    program: Program, name: str, arguments: tuple[str, ...]
) -> None:
    done = subprocess.run([program(name), *arguments], capture_output=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr


@pytest.mark.parametrize("options", [(), ("--close",)])
def test_file_load_fetches_each_path_once_and_whole(
    program: Program, tmp_path: Path, options: tuple[str, ...]
) -> None:
    asked: list[tuple[str, str | None]] = []

    class Files(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Accept-Encoding"]))
            found = self.path != "/3"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", "300000")
            self.end_headers()
            self.wfile.write(bytes(300_000))

        def log_message(self, *_: object) -> None:
            pass

    paths = [f"/{number}" for number in range(40)]
    (tmp_path / "paths").write_text("\n".join(paths))
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server, in_thread(server.serve_forever):
        try:
            listed = ("--paths", str(tmp_path / "paths"), "--connections", 3, "--once", *options)
            result = drive(program("file_load"), server.server_port, 10, *listed)
        finally:
            server.shutdown()
    assert sorted(asked) == sorted((path, "gzip") for path in paths)
    assert (result.requests, result.failures, result.body_per_reply) == (39, 1, 300_000)


def test_http_load_counts_each_bad_reply_as_a_failure(program: Program) -> None:
    load = program("http_load")

    def serve() -> None:
        for reply in BAD_REPLIES:
            connection, _ = listener.accept()
            # The load may hang up as soon as it has seen enough.
            with connection, suppress(ConnectionError):
                connection.recv(4096)
                connection.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener, in_thread(serve):
        options = ("--connections", 1, "--patience-ms", 1000)
        result = drive(load, listener.getsockname()[1], 2, *options)
    assert result.requests == 0
    assert result.failures >= len(BAD_REPLIES)


def test_http_load_takes_a_reply_with_a_line_end_behind_its_dict(program: Program) -> None:
    body = b"d5:peers6:abcdef8:intervali9ee\r\n"
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %-6d\r\n\r\n%s" % (len(body), body)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(reply)

    with in_thread(serve):
        port = listener.getsockname()[1]
        result = drive(program("http_load"), port, 5, "--requests", 1, "--connections", 1)
    assert (result.requests, result.peers_per_reply, result.failures) == (1, 1, 0)


def test_http_load_outlives_a_server_that_is_not_there(program: Program) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        result = drive(program("http_load"), unheard.getsockname()[1], 1)
    assert (result.requests, result.failures > 0) == (0, True)


def test_udp_load_counts_bad_replies_and_losses(program: Program) -> None:
    load = program("udp_load")

    def serve() -> None:
        length = 0
        with suppress(TimeoutError):
            while True:
                packet, client = server.recvfrom(2048)
                if packet[8:12] == bytes(4):
                    server.sendto(bytes(4) + packet[12:16] + b"identity", client)
                elif length < 2000:
                    # An error, an announce or a scrape that no request asked for, of every length.
                    reply = bytes([0, 0, 0, length % 4]) + packet[12:16] + bytes(2000)
                    server.sendto(reply[:length], client)
                    length += 1

    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(1)
        with in_thread(serve):
            options = ("--sockets", 2, "--window", 64, "--patience-ms", 100, "--scrapes", 50)
            result = drive(load, server.getsockname()[1], 2, *options)
    assert result.failures > 100


def test_both_sides_name_torrents_alike() -> None:
    seen: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            while len(seen) < 5:
                request = connection.recv(4096)
                seen.append(unquote_to_bytes(request.partition(b"info_hash=")[2].partition(b"&")[0]))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nd5:peers0:e")

    with socket.create_server(("127.0.0.1", 0)) as listener, in_thread(serve):
        options = ("--connections", 1, "--fill", "--torrents", 5, "--peers", 1)
        result = drive(build("http_load"), listener.getsockname()[1], 10, *options)
    assert result.requests == 5
    assert seen == [torrent_hash(index) for index in range(5)]


def test_a_compiler_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(LoadError, match="no C compiler: no-such-compiler"):
        build("ceiling", folder=tmp_path)


def test_a_program_is_built_again_only_when_a_source_is_newer(tmp_path: Path) -> None:
    first = build("ceiling", folder=tmp_path).stat().st_mtime_ns
    assert build("ceiling", folder=tmp_path).stat().st_mtime_ns == first
    os.utime(tmp_path / "ceiling", (0, 0))
    assert build("ceiling", folder=tmp_path).stat().st_mtime > 0

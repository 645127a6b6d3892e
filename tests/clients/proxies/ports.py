"""Ports that the system chose, for programs that cannot say which one they got."""

import socket


def free_port(address: str) -> int:
    """A port on which nothing listens now."""
    with socket.socket() as one:
        one.bind((address, 0))
        return int(one.getsockname()[1])

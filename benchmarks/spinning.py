"""The service with a thread beside it that only spins: `python -m benchmarks.spinning serve`.

The thread stands for any busy Python code: it holds the GIL whenever it can.
"""

import threading
from pathlib import Path

SPINNER = "spinner"


def start_spinner() -> threading.Thread:
    """Start the thread; the kernel knows it as "spinner", so that its CPU time can be told from the service's."""
    thread = threading.Thread(target=_spin, daemon=True)
    thread.start()
    return thread


def _spin() -> None:
    Path("/proc/thread-self/comm").write_text(SPINNER)
    number = 0
    while True:
        number = (number + 1) & 0xFFFF


def main() -> None:
    """Run the peerage command with the thread beside it."""
    from peerage.cli import main as peerage  # noqa: PLC0415 - who only wants the name starts no service

    start_spinner()
    peerage()


if __name__ == "__main__":
    main()

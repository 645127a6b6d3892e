"""Child processes: long computations apart from the event loop and its GIL, bounded in time, memory and number.

`python -m tasks.child_process` is the child: it reads a function's name and arguments, and writes what came of it.
"""

import asyncio
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from tasks.fair_turns import FairSlots

P = ParamSpec("P")
T = TypeVar("T")

_MODULE = "tasks.child_process"
_NICENESS = 10  # what answers requests comes first


class ChildFailure(Exception):
    """A child ended without a result: it took too long or too much memory."""


class TooManyWaiting(Exception):
    """So many wait for a child already that one more would only wait in vain."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one child may take, how many run at once, and how many callers may wait."""

    seconds: float = 30.0
    memory: int = 2**29
    at_once: int = 1
    waiting: int = 8


class ChildProcesses:
    """Runs functions of modules, each in a process of its own that ends with it."""

    def __init__(self, limits: ChildLimits = ChildLimits()) -> None:
        self._limits = limits
        self._turn = FairSlots(limits.at_once)
        self._callers = 0

    async def run(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Return the function's result, or raise what it raised; all of it must be fit for pickle.

        ChildFailure: it was ended at a limit. TooManyWaiting: it was not begun. A caller that is cancelled ends it.
        """
        if self._callers >= self._limits.at_once + self._limits.waiting:
            raise TooManyWaiting
        self._callers += 1
        try:
            async with self._turn.slot():
                answer = await self._run(
                    pickle.dumps((function.__module__, function.__qualname__, arguments, named))
                )
        finally:
            self._callers -= 1
        done, result = pickle.loads(answer)  # noqa: S301 - our own child wrote it
        if not done:
            raise result
        value: T = result
        return value

    async def _run(self, request: bytes) -> bytes:
        child = _Child(self._limits.memory)
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await asyncio.to_thread(child.answer, request)
        except TimeoutError:
            raise ChildFailure(f"it took more than {self._limits.seconds:g} seconds") from None
        finally:
            child.end()


class _Child:
    """One process for one request, started and waited for in a thread.

    The event loop's own way to start a process copies the tables of this one's memory, and waits for the new one with
    nothing else going on. It stays in this session: the kernel would share the processor evenly among sessions.
    """

    def __init__(self, memory: int) -> None:
        self._arguments = (sys.executable, "-m", _MODULE, str(memory))
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def answer(self, request: bytes) -> bytes:
        """Return what the child answers. ChildFailure: it ended without an answer."""
        with self._lock:
            if self._ended:
                raise ChildFailure("it was ended before it began")
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                process_group=0,  # a Ctrl-C is its parent's to handle
            )
        with self._process as process:
            answer, _ = process.communicate(request)
        if process.returncode or not answer:
            raise ChildFailure("it took more memory than a child may have")
        return answer

    def end(self) -> None:
        """End the child, where it still runs."""
        with self._lock:
            self._ended = True
            if self._process is not None and self._process.poll() is None:
                self._process.kill()


def _serve(memory: int) -> None:
    """Answer the one request of standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.nice(_NICENESS)
    module, name, arguments, named = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - our own parent wrote it
    sys.stdout.buffer.write(pickle.dumps(_outcome(getattr(import_module(module), name), arguments, named)))


def _outcome(
    function: Callable[..., object], arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[bool, object]:
    try:
        return True, function(*arguments, **named)
    except MemoryError:
        raise
    except Exception as error:
        return False, error


if __name__ == "__main__":
    _serve(int(sys.argv[1]))

"""Child processes: long computations apart from the event loop and its GIL, bounded in time, memory and number.

`python -m tasks.child_process` is the child: it reads names and arguments of functions, one after another, and writes
what came of each. It is kept for the next for some seconds, unless its memory has grown.
"""

import asyncio
import contextlib
import os
import pickle
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import IO, Any, ParamSpec, TypeVar

from tasks.fair_turns import FairSlots

P = ParamSpec("P")
T = TypeVar("T")

_MODULE = "tasks.child_process"
_NICENESS = 10  # what answers requests comes first
_KEPT_MEMORY = 96 << 20  # beyond it a child is not kept
_HEAD = struct.Struct(">?Q")  # before each pickle: whether it is the last, and its length


class ChildFailure(Exception):
    """A child ended without a result: it took too long or too much memory."""


class TooManyWaiting(Exception):
    """So many wait for a child already that one more would only wait in vain."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one child may take, how many run at once, how many callers may wait, and how long an idle child is kept."""

    seconds: float = 30.0
    memory: int = 2**29
    at_once: int = 1
    waiting: int = 8
    idle: float = 10.0


class ChildProcesses:
    """Runs functions of modules in other processes, `at_once` of them at most."""

    def __init__(self, limits: ChildLimits = ChildLimits()) -> None:
        self._limits = limits
        self._turn = FairSlots(limits.at_once)
        self._callers = 0
        self._idle: list[_Child] = []

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
        child = self._idle.pop() if self._idle else _Child(self._limits.memory)
        try:
            async with asyncio.timeout(self._limits.seconds):
                answer = await asyncio.to_thread(child.answer, request)
        except TimeoutError:
            child.end()
            raise ChildFailure(f"it took more than {self._limits.seconds:g} seconds") from None
        except BaseException:
            child.end()
            raise
        self._keep(child)
        return answer

    def _keep(self, child: "_Child") -> None:
        self._idle.append(child)
        asyncio.get_running_loop().call_later(self._limits.idle, self._end_idle, child, child.answered)

    def _end_idle(self, child: "_Child", answered: int) -> None:
        if child in self._idle and child.answered == answered:
            self._idle.remove(child)
            child.end()


class _Child:
    """One process, started and waited for in threads; it ends at the latest with this object.

    The event loop's own way to start a process copies the tables of this one's memory, and waits for the new one with
    nothing else going on. It stays in this session: the kernel would share the processor evenly among sessions.
    """

    def __init__(self, memory: int) -> None:
        self.answered = 0
        """How many requests it answered."""
        self._arguments = (sys.executable, "-m", _MODULE, str(memory))
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def __del__(self) -> None:
        self.end()

    def answer(self, request: bytes) -> bytes:
        """Return what the child answers, starting it where it has ended. ChildFailure: it ended without an answer."""
        process = self._start()
        with contextlib.suppress(BrokenPipeError):
            _write(process.stdin, request)
        found = _read(process.stdout)
        if found is None:
            raise ChildFailure("it took more memory than a child may have")
        answer, last = found
        self.answered += 1
        if last:
            _end(process)
        return answer

    def end(self) -> None:
        """End the child, where it still runs; one that is at work hears it at once."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                _end(self._process)

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._ended:
                raise ChildFailure("it was ended before it began")
            if self._process is not None and self._process.poll() is None:
                return self._process
            if self._process is not None:
                _end(self._process)
            self._process = process = subprocess.Popen(  # noqa: S603 - our own program
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                process_group=0,  # a Ctrl-C is its parent's to handle
            )
        with contextlib.suppress(OSError):  # it starts nice: that costs most of what a short computation does
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS)
        return process


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.close()


def _write(stream: IO[bytes] | None, data: bytes, *, last: bool = False) -> None:
    assert stream is not None
    stream.write(_HEAD.pack(last, len(data)))
    stream.write(data)
    stream.flush()


def _read(stream: IO[bytes] | None) -> tuple[bytes, bool] | None:
    """Return what `_write` wrote and whether it was the last, None at the end of the stream."""
    assert stream is not None
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    last, length = _HEAD.unpack(head)
    data = stream.read(length)
    return (data, last) if len(data) == length else None


def _serve(memory: int) -> None:
    """Answer the requests of standard input until its end, or until memory has grown."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    last = False
    while not last and (found := _read(sys.stdin.buffer)) is not None:
        module, name, arguments, named = pickle.loads(found[0])  # noqa: S301 - our own parent wrote it
        del found
        answer = pickle.dumps(_outcome(getattr(import_module(module), name), arguments, named))
        del arguments, named
        last = _most_resident() > _KEPT_MEMORY
        _write(sys.stdout.buffer, answer, last=last)
        del answer


def _most_resident() -> int:
    """Return the most bytes that this process had in RAM; getrusage would tell of its parent's before its start."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


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

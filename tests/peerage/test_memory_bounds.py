import asyncio
import threading
from pathlib import Path

import pytest

from doors.connection_memory import ConnectionMemory
from peerage.memory_bounds import MemoryWatch, memory_allowed, own_memory
from tests.support.tasks import until


@pytest.mark.parametrize(("taken", "withheld"), [(100, 0), (260, 0), (300, 40), (900, 640)])
def test_what_is_taken_beyond_two_thirds_is_withheld(taken, withheld):
    memory = ConnectionMemory()
    MemoryWatch(memory, 400, lambda: taken).look()
    assert memory.withheld == withheld
    MemoryWatch(memory, 4000, lambda: taken).look()
    assert memory.withheld == 0


def test_nothing_is_withheld_where_the_memory_is_not_known():
    memory = ConnectionMemory(withheld=7)
    MemoryWatch(memory, None, lambda: 1 << 40).look()
    assert memory.withheld == 7


def test_this_process_has_memory_and_this_machine_more():
    allowed = memory_allowed(Path("/"), own=True)
    assert allowed is not None
    assert 10 << 20 < own_memory() < allowed


def test_the_first_version_of_control_groups_is_read(tmp_path):
    for path, text in (
        ("proc/meminfo", "MemTotal: 1000 kB\n"),
        ("proc/self/cgroup", "5:cpu,cpuacct:/\n4:memory:/service\n"),
        ("sys/fs/cgroup/memory/service/memory.limit_in_bytes", "400000\n"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert memory_allowed(tmp_path, own=True) == 400_000
    assert memory_allowed(tmp_path, own=False) == 1_024_000


async def test_free_memory_is_given_back_only_while_memory_is_short():
    memory, trimmed, taken = ConnectionMemory(), threading.Event(), [100]
    task = asyncio.create_task(MemoryWatch(memory, 400, lambda: taken[0], trimmed.set).run())
    try:
        await until(lambda: memory.withheld == 0)
        assert not trimmed.is_set()
        taken[0] = 399
        await until(trimmed.is_set)
        assert memory.withheld == 139
    finally:
        task.cancel()

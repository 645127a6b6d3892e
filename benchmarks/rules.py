"""Benchmark of lists: how long a million blocked torrents take to load, and what any list costs an announce.

Run as `python -m benchmarks.rules [--quick]`. Announces are answered in this process by the native code, as its
threads do; trackers with lists take turns with one without, and the median of CPU time is printed.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from statistics import median
from urllib.parse import quote_from_bytes

from benchmarks.comparison import table
from benchmarks.machine import describe
from bittorrent.client_pattern import ClientPattern
from doors.native import make_native_door, native
from tracker.access import AccessTable, AddressRule, ClientRule
from tracker.mode import Mode
from tracker.model import AnnounceTerms
from tracker.native_swarms import NativeSwarms
from tracker.policy import Policy

NONE = "no lists"
_PAGE = 100_000
_AT_ONCE = 20
_KEY = bytes(16)
_COLUMNS = ("lists", "loaded in CPU s", "announce, CPU us", "of none")

Load = Callable[[Policy, random.Random, int], None]


def _load_nothing(_policy: Policy, _chance: random.Random, _size: int) -> None:
    """Have no lists."""


def _load_torrents(policy: Policy, chance: random.Random, size: int) -> None:
    for start in range(0, size, _PAGE):
        policy.deny_all(chance.randbytes(20 * min(_PAGE, size - start)))


def _load_addresses(policy: Policy, chance: random.Random, size: int) -> None:
    networks = {ip_network((chance.getrandbits(24) << 8, 24)) for _ in range(size // 10)}
    policy.set_access(AccessTable.of((), [AddressRule(each, True, "listed") for each in networks]))


def _load_clients(policy: Policy, _chance: random.Random, _size: int) -> None:
    patterns = [ClientPattern.parse(f"-X{number:03}") for number in range(1000)]
    policy.set_access(AccessTable.of([ClientRule(each, True) for each in patterns], ()))


LISTS: Mapping[str, Load] = {
    NONE: _load_nothing,
    "blocked torrents": _load_torrents,
    "denied networks, a tenth as many": _load_addresses,
    "1,000 denied clients": _load_clients,
}


def _requests(chance: random.Random) -> bytes:
    heads = []
    for _ in range(_AT_ONCE):
        query = (
            f"info_hash={quote_from_bytes(chance.randbytes(20), safe='')}&peer_id=-qB4650-abcdefghijkl"
            f"&port={chance.randrange(1, 65_536)}&left={chance.randrange(2)}&uploaded=0&downloaded=0"
        )
        heads.append(f"GET /announce?{query} HTTP/1.1\r\nHost: t.example\r\nUser-Agent: x/1\r\n\r\n".encode())
    return b"".join(heads)


def measure(size: int, rounds: int, announces: int) -> list[list[str]]:
    """Return a row for each kind of list of so many entries."""
    answers, loaded = {}, {}
    for name, load in LISTS.items():
        store = NativeSwarms(AnnounceTerms(), 1, _KEY)
        began = time.process_time()
        load(Policy(store, Mode.PUBLIC), random.Random(2), size)
        loaded[name] = time.process_time() - began
        door = make_native_door(store.handle, AnnounceTerms(), [], "", refuse_private=False, key=_KEY, seed=3)
        answers[name] = door.answer
    chance = random.Random(4)
    asked = [_requests(chance) for _ in range(50)]
    spent: dict[str, list[float]] = {name: [] for name in answers}
    for _ in range(rounds):
        for name, answer in answers.items():
            began = time.process_time()
            for number in range(announces // _AT_ONCE):
                answer(asked[number % len(asked)], (0x01000000 + number).to_bytes(4, "big"))
            spent[name].append((time.process_time() - began) / announces * 1e6)
    without = median(spent[NONE])
    return [
        [name, f"{loaded[name]:.2f}", f"{median(each):.3f}", f"{median(each) / without:.3f}"]
        for name, each in spent.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 where there is no native code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="3 rounds, a tenth of the entries")
    given = parser.parse_args(arguments)
    if native is None:
        print("rules: the extension is not built", file=sys.stderr)
        return 1
    size, rounds = (given.entries // 10, 3) if given.quick else (given.entries, given.rounds)
    print(f"{describe()}\n{size:,} entries, {rounds} rounds\n")
    print(table(_COLUMNS, measure(size, rounds, 40_000)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

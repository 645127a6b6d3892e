"""A fuzzer without coverage: inputs of a corpus, changed and spliced by chance. For machines without atheris, and for tests."""

import random
import re
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.fuzz.targets.target import Target

HERE = Path(__file__).parent
WORDS = HERE / "words.dict"
_PATTERN = re.compile(r'"((?:[^"\\]|\\.)*)"')


def words() -> list[bytes]:
    """Return the words of the dictionary, which is in libFuzzer's format."""
    found = _PATTERN.findall(WORDS.read_text("ascii"))
    return [word.encode().decode("unicode_escape").encode("latin-1") for word in found]


def seeds_of(target: Target) -> list[Path]:
    """Return the folders of inputs that a target begins with."""
    folders = [HERE / "seeds" / target.name, *([HERE / "corpus" / target.corpus] if target.corpus else [])]
    return [folder for folder in folders if folder.is_dir()]


def inputs_of(corpora: Sequence[Path]) -> list[bytes]:
    """Return the inputs of folders, an empty one at least."""
    files = sorted(path for folder in corpora for path in folder.iterdir() if path.is_file())
    return [b"", *(path.read_bytes() for path in files)]


def changed(seeds: Sequence[bytes], chance: random.Random, longest: int) -> Iterator[bytes]:
    """Yield the seeds, then changes of them without an end."""
    yield from (seed[:longest] for seed in seeds)
    known = words()
    while True:
        data = chance.choice(seeds)
        for _ in range(chance.randrange(1, 6)):
            data = _change(data, seeds, known, chance)
        yield data[:longest]


def _change(data: bytes, seeds: Sequence[bytes], known: Sequence[bytes], chance: random.Random) -> bytes:
    at, upto = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
    match chance.randrange(6):
        case 0:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 1:
            return data[:at] + data[upto:]
        case 2:
            return data[:at] + chance.choice(known) + data[at:]
        case 3:
            return data[:at] + data[at:upto] * 2 + data[upto:]
        case 4:
            other = chance.choice(seeds)
            return data[:at] + other[chance.randrange(len(other) + 1) :]
        case _:
            return data[:at] + chance.choice(known) + data[upto:]


def run_blindly(
    target: Target,
    corpora: Sequence[Path],
    prefix: str,
    seed: int,
    *,
    inputs: int | None = None,
    seconds: float | None = None,
) -> int:
    """Feed a target until either bound, and return 1 once a property breaks: the input is in a file then."""
    end = time.monotonic() + (seconds if seconds is not None else float("inf"))
    done = 0
    for data in changed(inputs_of(corpora), random.Random(seed), target.longest):
        if done == inputs or time.monotonic() > end:
            break
        done += 1
        try:
            target.check(data)
        except Exception:
            traceback.print_exc()
            path = Path(f"{prefix}crash-{done}")
            path.write_bytes(data)
            print(f"Done {done}\nTest unit written to {path}")
            return 1
    print(f"Done {done}")
    return 0

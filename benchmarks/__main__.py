"""Runs every benchmark, or those named, one after another: `python -m benchmarks [--quick] [NAME ...]`."""

import argparse
from collections.abc import Callable, Mapping, Sequence

from benchmarks import (
    announce_http,
    announce_udp,
    cache_files,
    catalogue_search,
    census,
    checkcached,
    gil,
    idle,
    imports,
    lists,
    restore,
    rules,
    start,
    swarms,
    websocket,
)

ALL: Mapping[str, Callable[[Sequence[str]], int]] = {
    "announce_http": announce_http.main,
    "announce_udp": announce_udp.main,
    "cache_files": cache_files.main,
    "gil": gil.main,
    "idle": idle.main,
    "imports": imports.main,
    "swarms": swarms.main,
    "restore": restore.main,
    "start": start.main,
    "catalogue_search": catalogue_search.main,
    "census": census.main,
    "checkcached": checkcached.main,
    "lists": lists.main,
    "rules": rules.main,
    "websocket": websocket.main,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; return 1 if one of them could not be run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and short rounds, about three minutes"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(ALL):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    failed = False
    for name in given.names or ALL:
        failed = bool(ALL[name](["--quick"] if given.quick else [])) or failed
        print()
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())

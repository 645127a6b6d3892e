"""The start over a data folder that was written in bulk: the service takes it for its own, and tells when it is ready."""

import json
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.start import fill, measure


def test_a_service_starts_over_made_up_torrents_and_finds_them_right(tmp_path: Path) -> None:
    fill(tmp_path / "data", 30)
    found = measure(ROOT, tmp_path / "data", 30)
    assert 0 < found.announced <= found.file <= found.kept <= found.reconciled
    (line,) = [
        each for each in (tmp_path / "data.log").read_text().splitlines() if "cache.reconciled" in each
    ]
    told = json.loads(line)
    assert (told["recorded"], told["dropped"], told["damaged"]) == (0, 0, 0)

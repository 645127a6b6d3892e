"""Comparison of a response with the published sample: every field, its value and its type."""

import calendar
import json
import time
from pathlib import Path

GOLDENS = Path(__file__).parent / "goldens"

# What clients of music sites insist on, beside what the page shows.
T_EXTRAS = {"media", "encoding", "scene", "hasLog", "hasCue", "logScore"}
EXTRAS = {
    "group": {"musicInfo"},
    "torrent": T_EXTRAS,
    "torrents of a group": T_EXTRAS,
    "results": {"artist"},
    "torrents of a hit": {"media", "encoding", "artists"},
    "torrents of a collage": T_EXTRAS
    | {
        "id",
        "infoHash",
        "format",
        "license",
        "scope",
        "annotated",
        "archive",
        "filePath",
        "userId",
        "username",
    },
}


def golden(name):
    """The `response` of a sample answer."""
    return json.loads((GOLDENS / f"{name}.json").read_text())["response"]


def seconds(moment):
    """The unix time of a time as the page writes it."""
    return calendar.timegm(time.strptime(moment, "%Y-%m-%d %H:%M:%S"))


def replaced(sample, **values):
    """The sample with other values in some fields; each must be one of its fields."""
    assert values.keys() <= sample.keys(), values.keys() - sample.keys()
    return sample | values


def check(answer, sample, extras=frozenset()):
    """Fail unless an object has the sample's fields with equal values of equal types, and `extras` alone besides."""
    assert set(answer) - set(sample) == set(extras)
    assert_equal({name: answer[name] for name in sample if name in answer}, sample, "")


def assert_equal(answer, sample, where):
    """Fail unless both are equal; True is not 1 here."""
    assert type(answer) is type(sample), f"{where}: {answer!r} for {sample!r}"
    if isinstance(sample, dict):
        assert set(answer) == set(sample), f"{where}: {sorted(set(answer) ^ set(sample))}"
        for name in sample:
            assert_equal(answer[name], sample[name], f"{where}.{name}")
    elif isinstance(sample, list):
        assert len(answer) == len(sample), f"{where}: {answer!r} for {sample!r}"
        for number, (ours, theirs) in enumerate(zip(answer, sample, strict=True)):
            assert_equal(ours, theirs, f"{where}[{number}]")
    else:
        assert answer == sample, f"{where}: {answer!r} for {sample!r}"

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from doors.json_encoding import encode_json
from doors.torbox.parameters import read_flag, read_number
from doors.torbox.shapes import UNKNOWN_ETA, TorboxShapes, by_requested_hash, date, eta
from downloads.model import Content, ContentFile, ContentKey, ContentStatus, Job, JobState, SeedPolicy

HASH = InfoHash(b"h" * 20)
V2 = InfoHash(b"v" * 32)
STATUS = ContentStatus(JobState.DOWNLOADING, 0.5, 1, 1, 1, 1, None, 0, 0, 0.0, "", "", "")
CONTENT = Content(ContentKey(HASH), "name", 10, (), False, False, 1, None)
JOB = Job(1, 2, CONTENT, "", "", SeedPolicy.DEFAULT, True, False, False, "", False, False, 1, 2, STATUS)


@given(
    st.floats(),
    st.floats(),
    st.integers(),
    st.one_of(st.none(), st.integers()),
    st.integers(0),
    st.integers(0),
)
def test_numbers_stay_within_what_clients_read(progress, availability, rate, left, down, up):
    status = replace(
        STATUS,
        progress=progress,
        availability=availability,
        down_rate=rate,
        eta=left,
        downloaded=down,
        uploaded=up,
    )
    shape = TorboxShapes().torrent(replace(JOB, status=status))
    assert 0 <= shape["progress"] <= 1
    assert math.isfinite(shape["availability"])
    assert 0 <= shape["download_speed"] < 2**31
    assert 0 <= shape["eta"] <= UNKNOWN_ETA
    assert shape["ratio"] >= 0


PATHS = st.text(st.characters(codec="utf-8"), max_size=9)
FILES = st.lists(st.builds(ContentFile, st.integers(0, 9), PATHS, st.integers(0, 2**40)), max_size=3).map(
    tuple
)
CONTENTS = st.builds(
    Content,
    st.just(ContentKey(HASH)),
    st.text(max_size=9),
    st.integers(0, 2**40),
    FILES,
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**40),
    st.none() | st.integers(0, 2**40),
)
STATUSES = st.builds(
    ContentStatus,
    st.sampled_from(JobState),
    st.floats(),
    *[st.integers(-(2**40), 2**40)] * 4,
    st.none() | st.integers(0, 2**40),
    *[st.integers(0, 2**40)] * 2,
    st.floats(),
    *[st.text(max_size=9)] * 3,
)
JOBS = st.builds(
    Job,
    st.integers(1, 2),
    st.just(2),
    CONTENTS,
    st.text(max_size=9) | st.just('"seeds":0,%d'),
    st.text(max_size=9),
    st.sampled_from(SeedPolicy),
    *[st.booleans()] * 3,
    st.text(max_size=9),
    *[st.booleans()] * 2,
    *[st.integers(0, 2**40)] * 2,
    STATUSES,
)


@given(st.lists(JOBS, min_size=1, max_size=3))
def test_a_kept_row_says_what_the_object_does(jobs):
    kept = TorboxShapes()
    for job in [*jobs, *jobs[::-1]]:
        assert json.loads(bytes(kept.row(job))) == json.loads(encode_json(TorboxShapes().torrent(job)))
        later = replace(job, status=replace(job.status, progress=0.25, tracker="x%d"), paused=not job.paused)
        assert json.loads(bytes(kept.row(later))) == json.loads(encode_json(TorboxShapes().torrent(later)))


@given(st.lists(CONTENTS, min_size=1, max_size=3), st.booleans())
def test_a_kept_row_of_cached_content_says_what_the_object_does(contents, files):
    kept = TorboxShapes()
    for content in [*contents, *contents[::-1]]:
        for name in ("ab", "cd"):
            whole = TorboxShapes().cached(name, content, files=files)
            assert bytes(kept.cached_row(name, content, files=files)) == encode_json(whole)


@pytest.mark.parametrize("state", JobState)
def test_every_state_has_its_own_word(state):
    shape = TorboxShapes().torrent(replace(JOB, status=replace(STATUS, state=state)))
    assert shape["download_state"] == state.value
    assert shape["active"] is (state not in {JobState.PAUSED, JobState.COMPLETED, JobState.CACHED})


def test_an_inactive_job_has_no_rates():
    shape = TorboxShapes().torrent(replace(JOB, paused=True))
    assert (shape["active"], shape["download_speed"], shape["upload_speed"]) == (False, 0, 0)


def test_a_name_is_somebodys_the_contents_or_the_hash():
    def name(job):
        return TorboxShapes().torrent(job)["name"]

    assert name(replace(JOB, name="mine")) == "mine"
    assert name(JOB) == "name"
    assert name(replace(JOB, content=replace(CONTENT, name=""))) == HASH.lower


def test_an_unknown_eta_is_the_constant():
    assert (eta(None), eta(5), eta(-3), eta(10**12)) == (UNKNOWN_ETA, 5, 0, UNKNOWN_ETA)


def test_dates_are_in_utc():
    assert date(1729545423) == "2024-10-21T21:17:03Z"
    assert date(-5) == "1970-01-01T00:00:00Z"
    assert date(10**18) == "9999-12-31T23:59:59Z"


def test_content_is_named_by_the_hash_that_was_asked_for():
    long = replace(CONTENT, key=ContentKey(V2.truncated))
    assert by_requested_hash([V2, HASH], [CONTENT, long]) == {V2.lower: long, HASH.lower: CONTENT}
    assert by_requested_hash([InfoHash(b"a" * 20)], [CONTENT]) == {HASH.lower: CONTENT}


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1", " yes", "on"])
def test_yes_in_every_spelling(text):
    assert read_flag("x", text)
    assert not read_flag("x", text.replace("true", "false") if text == "true" else "False")


@given(st.integers(-(10**29), 10**29))
def test_numbers_fit_in_64_bits(number):
    assert read_number("x", str(number)) == max(-(2**63), min(number, 2**63 - 1))

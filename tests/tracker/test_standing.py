"""Rules of classes and of the ratio watch, without a disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerage.sections.ledger import read_class
from tracker.standing import ClassRule, MemberFigures, Standing, WatchRules, judge, watched_until

NOW = 1_800_000_000
DAY, GIB = 86_400, 2**30
CLASSES = (
    ClassRule("User"),
    ClassRule("Power", uploaded=10 * GIB, ratio=1, age=7 * DAY, invites=2),
    ClassRule("Elite", uploaded=100 * GIB, ratio=1, age=28 * DAY, snatched=5, torrents=1, invites=3),
)
WATCH = WatchRules(ratio=0.5, since=5 * GIB, time=14 * DAY)
NO_WATCH = WatchRules()


def figures(up=0, down=0, snatched=0, torrents=0, age=0):
    return MemberFigures(7, up, down, snatched, torrents, NOW - age)


def verbs(changes):
    return [change.verb for change in changes]


@pytest.mark.parametrize(
    ("member", "name"),
    [
        (figures(), "User"),
        (figures(10 * GIB, 10 * GIB, age=7 * DAY), "Power"),
        (figures(10 * GIB, 0, age=7 * DAY), "Power"),
        (figures(10 * GIB - 1, 0, age=7 * DAY), "User"),
        (figures(10 * GIB, 10 * GIB + 1, age=7 * DAY), "User"),
        (figures(10 * GIB, 0, age=7 * DAY - 1), "User"),
        (figures(100 * GIB, 0, 5, 1, 28 * DAY), "Elite"),
        (figures(100 * GIB, 0, 4, 1, 28 * DAY), "Power"),
        (figures(100 * GIB, 0, 5, 0, 28 * DAY), "Power"),
    ],
)
def test_an_account_is_in_the_last_class_whose_demands_it_meets(member, name):
    standing, changes = judge(member, Standing(), CLASSES, NO_WATCH, NOW)
    assert (standing.name, verbs(changes)) == (name, ["promote"])
    assert judge(member, standing, CLASSES, NO_WATCH, NOW) == (standing, [])


def test_invites_come_with_a_class_once_however_often_it_is_lost():
    rich, poor = figures(100 * GIB, 0, 5, 1, 28 * DAY), figures(100 * GIB, 900 * GIB, 5, 1, 28 * DAY)
    standing, _ = judge(rich, Standing(invites=1), CLASSES, NO_WATCH, NOW)
    assert (standing.invites, standing.reached) == (6, 3)
    standing, changes = judge(poor, standing, CLASSES, NO_WATCH, NOW)
    assert (standing.name, standing.invites, verbs(changes)) == ("User", 6, ["demote"])
    standing, changes = judge(rich, standing, CLASSES, NO_WATCH, NOW)
    assert (standing.name, standing.invites, verbs(changes)) == ("Elite", 6, ["promote"])
    assert judge(rich, standing, (), NO_WATCH, NOW)[0].name == ""


def test_a_watch_begins_bars_after_its_time_and_ends_with_the_ratio():
    low, well = figures(2 * GIB, 6 * GIB), figures(3 * GIB, 6 * GIB)
    standing, changes = judge(low, Standing(), (), WATCH, NOW)
    assert (standing.watched, standing.barred, verbs(changes)) == (NOW, 0, ["watch"])
    assert watched_until(standing, WATCH) == NOW + 14 * DAY
    assert judge(low, standing, (), WATCH, NOW + 14 * DAY - 1) == (standing, [])
    assert verbs(judge(well, standing, (), WATCH, NOW + DAY)[1]) == ["end-watch"]

    standing, changes = judge(low, standing, (), WATCH, NOW + 14 * DAY)
    assert (standing.barred, verbs(changes)) == (NOW + 14 * DAY, ["bar"])
    assert watched_until(standing, WATCH) == 0
    assert judge(low, standing, (), WATCH, NOW + 99 * DAY) == (standing, [])
    standing, changes = judge(well, standing, (), WATCH, NOW + 99 * DAY)
    assert (standing, verbs(changes)) == (Standing(), ["unbar"])


@pytest.mark.parametrize("member", [figures(0, 5 * GIB), figures(0, 0), figures(3 * GIB, 6 * GIB)])
def test_who_downloaded_little_or_gave_enough_is_not_watched(member):
    assert judge(member, Standing(), (), WATCH, NOW) == (Standing(), [])


BYTES = st.integers(0, 2**62)


@given(BYTES, BYTES, st.booleans(), st.booleans())
def test_judging_again_at_once_changes_nothing(up, down, watched, barred):
    before = Standing("Power", NOW - 15 * DAY if watched or barred else 0, NOW - DAY if barred else 0, 3, 2)
    member = figures(up, down, 5, 1, 30 * DAY)
    standing, changes = judge(member, before, CLASSES, WATCH, NOW)
    assert bool(changes) == (standing != before)
    assert judge(member, standing, CLASSES, WATCH, NOW) == (standing, [])


def test_a_class_is_read_from_a_text():
    text = "Power User: uploaded=25GiB ratio=1.05 age=14d snatched=5 torrents=1 invites=2"
    assert read_class(text) == ClassRule("Power User", 25 * GIB, 1.05, 14 * DAY, 5, 1, 2)
    assert read_class("User:") == ClassRule("User")


@pytest.mark.parametrize(
    "text",
    ["User", ": ratio=1", "x" * 33 + ":", "a\nb:", "U: ratio", "U: ratio=1 ratio=2", "U: age=x", "U: shoes=3",
     "U: ratio=-1", "U: ratio=nan", "U: snatched=1.5", "U: invites=9999999999999999999999"],
)  # fmt: skip
def test_what_is_no_class_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_class(text)

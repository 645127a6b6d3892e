import pytest

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from tests.support.swarm_stores import StoreFactory
from tracker.counters import Transport
from tracker.mode import Mode
from tracker.model import (
    DISABLED_ACCOUNT,
    MAX_PASSKEYS,
    NOBODY,
    SUSPENDED_PASSKEY,
    ZERO_COUNTS,
    Announce,
    AnnounceFailure,
    AnnounceTerms,
    Counts,
    Event,
    Reply,
    TooManyPasskeys,
)
from tracker.policy import Policy
from tracker.swarms import RESTORING
from tracker.tracker import Tracker

HASH, V2 = InfoHash(b"h" * 20), InfoHash(b"2" * 32)


def made(make_store: StoreFactory, mode: Mode = Mode.PUBLIC) -> Tracker:
    store = make_store(AnnounceTerms(), 1)
    return Tracker(store, Policy(store, mode), AnnounceTerms(), lambda: 1_800_000_000.5)


def announce(tracker: Tracker, infohash: InfoHash = HASH, host: int = 1) -> Reply | AnnounceFailure:
    peer = bytes([10, 0, 0, host, 26, 225])
    return tracker.announce(Announce(infohash, peer, Event.NONE, False, 50))


def test_an_open_tracker_takes_any_torrent(make_store):
    assert isinstance(announce(made(make_store)), Reply)


def test_a_listed_tracker_takes_what_was_allowed_from_that_moment_on(make_store):
    tracker = made(make_store, mode=Mode.LISTED)
    assert announce(tracker) == AnnounceFailure("unlisted")

    tracker.policy.allow([HASH])
    assert isinstance(announce(tracker), Reply)

    tracker.policy.disallow([HASH])
    assert announce(tracker) == AnnounceFailure("unlisted")
    assert tracker.store.totals().peers == 0


@pytest.mark.parametrize("mode", Mode)
def test_a_denial_always_wins_and_empties_the_swarm_at_once(make_store, mode):
    tracker = made(make_store, mode)
    tracker.policy.allow([HASH])
    announce(tracker)

    tracker.policy.deny([HASH])

    assert announce(tracker) == AnnounceFailure("denied")
    assert tracker.scrape([HASH], Transport.HTTP) == [(HASH, ZERO_COUNTS)]
    assert tracker.store.totals().peers == 0
    tracker.policy.undeny([HASH])
    assert isinstance(announce(tracker), Reply)


def test_a_full_version_2_hash_means_its_cut_form(make_store):
    tracker = made(make_store)

    tracker.policy.deny([V2])

    assert announce(tracker, V2.truncated) == AnnounceFailure("denied")


def test_a_swarm_that_a_journal_brought_back_does_not_outlive_its_denial(make_store):
    tracker = made(make_store)
    announce(tracker)
    rows = tracker.store.take_dirty()
    other = made(make_store)
    other.policy.deny([HASH])
    other.store.restore(rows)

    other.policy.remove_denied()

    assert other.store.totals().peers == 0


def test_both_hashes_of_a_hybrid_are_one_swarm(make_store):
    tracker = made(make_store)
    tracker.policy.join(V2, HASH)

    announce(tracker, V2.truncated, 1)
    reply = announce(tracker, HASH, 2)

    assert isinstance(reply, Reply)
    assert reply.peers == bytes([10, 0, 0, 1, 26, 225])


def test_a_tracker_that_is_still_restoring_answers_empty_with_a_warning_and_stores_nothing(make_store):
    tracker = made(make_store)
    tracker.restoring = True

    reply = announce(tracker)

    assert isinstance(reply, Reply)
    assert (reply.counts, reply.warning) == (ZERO_COUNTS, RESTORING)
    assert tracker.store.totals().torrents == 0


def test_a_scrape_keeps_the_order_and_hides_what_is_refused(make_store):
    tracker = made(make_store, mode=Mode.LISTED)
    tracker.policy.allow([HASH])
    announce(tracker)
    other = InfoHash(b"o" * 20)

    files = tracker.scrape([other, HASH], Transport.UDP)

    assert files == [(other, ZERO_COUNTS), (HASH, Counts(0, 0, 1, 1))]


def test_a_known_passkey_has_an_account_and_any_other_is_refused(make_store):
    tracker = made(make_store)
    tracker.policy.set_passkey(b"secret", 7)

    assert tracker.account_of(b"secret") == 7
    assert tracker.account_of(b"") == NOBODY
    tracker.policy.drop_passkey(b"secret")
    for passkey in (b"secret", b"a b", b"k" * 65):
        with pytest.raises(Refusal) as refused:
            tracker.account_of(passkey)
        assert refused.value.code == "unknown-passkey"


def refused(tracker: Tracker, passkey: bytes, query: bytes = b"") -> str:
    with pytest.raises(Refusal) as refusal:
        tracker.account_of(passkey, query)
    return refusal.value.code


def test_a_private_tracker_asks_for_a_passkey_and_tracks_listed_torrents_alone(make_store):
    tracker = made(make_store, Mode.PRIVATE)
    tracker.policy.set_passkey(b"secret", 7)

    assert tracker.account_of(b"secret") == 7
    assert tracker.account_of(b"", b"a=1&passkey=x&passkey=secret") == 7
    assert refused(tracker, b"") == "no-passkey"
    assert refused(tracker, b"", b"passkey=&notpasskey=secret&passkey") == "no-passkey"
    assert refused(tracker, b"", b"passkey=%73ecret") == "unknown-passkey"
    assert refused(tracker, b"other", b"passkey=secret") == "unknown-passkey"
    assert announce(tracker) == AnnounceFailure("unlisted")


def test_a_public_torrent_of_a_private_tracker_is_anybodys(make_store):
    tracker = made(make_store, Mode.PRIVATE)
    tracker.policy.set_passkey(b"secret", 7)
    other = InfoHash(b"o" * 20)
    tracker.policy.allow([HASH, other])
    tracker.policy.publish([HASH], public=True)
    for passkey in (b"", b"secret", b"unknown"):
        assert tracker.account_of(passkey, infohashes=[HASH]) == NOBODY
    assert tracker.account_of(b"secret", infohashes=[HASH, other]) == 7
    with pytest.raises(Refusal, match="Private tracker"):
        tracker.account_of(b"", infohashes=[HASH, other])
    tracker.policy.disallow([HASH])
    with pytest.raises(Refusal, match="Private tracker"):
        tracker.account_of(b"", infohashes=[HASH])


@pytest.mark.parametrize("mode", [Mode.PUBLIC, Mode.LISTED])
def test_elsewhere_a_passkey_in_the_query_is_nothing(make_store, mode):
    assert made(make_store, mode).account_of(b"", b"passkey=unknown") == NOBODY


def test_a_disabled_account_and_a_suspended_passkey_have_their_own_words(make_store):
    tracker = made(make_store, Mode.PRIVATE)
    tracker.policy.refuse_passkey(b"one", DISABLED_ACCOUNT)
    tracker.policy.refuse_passkey(b"two", SUSPENDED_PASSKEY)

    assert refused(tracker, b"one") == "passkey-disabled"
    assert refused(tracker, b"two") == "passkey-suspended"
    tracker.policy.set_passkey(b"one", 7)
    assert tracker.account_of(b"one") == 7


def test_there_is_room_for_so_many_passkeys_and_each_that_goes_makes_room(make_store):
    store = made(make_store).store
    for number in range(MAX_PASSKEYS):
        store.set_passkey(b"%x" % number, 1)
    store.set_passkey(b"0", 2)

    with pytest.raises(TooManyPasskeys):
        store.set_passkey(b"more", 3)
    store.drop_passkey(b"1")
    store.set_passkey(b"more", 3)

    assert [store.account_of(each) for each in (b"0", b"1", b"2", b"more")] == [2, NOBODY, 1, 3]


@pytest.mark.parametrize(
    ("passkey", "account"), [(b"", 1), (b"a b", 1), (b"k" * 65, 1), (b"k", 0), (b"k", 2**63 + 2)]
)
def test_a_malformed_passkey_or_account_is_not_taken(make_store, passkey, account):
    with pytest.raises(ValueError, match="a passkey is"):
        made(make_store).policy.set_passkey(passkey, account)


def test_everything_is_counted_by_kind_and_transport(make_store):
    tracker = made(make_store)
    announce(tracker)
    tracker.policy.deny([HASH])
    announce(tracker)
    tracker.scrape([HASH], Transport.UDP)

    assert tracker.counters.announces[Transport.HTTP][Event.NONE] == 1
    assert tracker.counters.refusals == {"denied": 1}
    assert tracker.counters.scrapes == [0, 1, 0]

import bencodepy
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from bittorrent.peers import unpack_all
from bittorrent.refusal import REASONS, Refusal
from tracker.model import Counts, Reply
from tracker.reply import write_announce, write_failure, write_scrape

numbers = st.integers(0, 2**40)
counts = st.builds(Counts, numbers, numbers, numbers, numbers)
replies = st.builds(
    Reply,
    counts,
    st.integers(1, 10_000),
    st.integers(1, 10_000),
    st.lists(st.binary(min_size=6, max_size=6), max_size=9).map(b"".join),
    st.lists(st.binary(min_size=18, max_size=18), max_size=9).map(b"".join),
    st.sampled_from([b"", b"Tracker is full"]),
)
addresses = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)


def read(answer: bytes):
    value = bencodepy.decode(answer)
    assert bencodepy.encode(value) == answer
    return value


@given(replies, addresses, st.booleans())
def test_an_announce_reads_back_as_what_it_was_and_is_canonical(reply, address, compact):
    answer = read(write_announce(reply, address, compact=compact))

    assert answer[b"complete"] == reply.counts.complete
    assert answer[b"incomplete"] == reply.counts.incomplete
    assert answer[b"downloaded"] == reply.counts.downloaded
    assert answer[b"external ip"] == address
    assert (answer[b"interval"], answer[b"min interval"]) == (reply.interval, reply.min_interval)
    assert answer.get(b"warning message", b"") == reply.warning
    if compact:
        assert answer[b"peers"] == reply.peers
        assert answer.get(b"peers6", b"") == reply.peers6
    else:
        both = unpack_all(reply.peers, 6) + unpack_all(reply.peers6, 18)
        assert [(peer[b"ip"].decode(), peer[b"port"]) for peer in answer[b"peers"]] == both


def test_peers_is_there_even_when_empty():
    reply = Reply(Counts(0, 0, 0, 0), 1800, 900)

    assert read(write_announce(reply, bytes(4), compact=True))[b"peers"] == b""
    assert read(write_announce(reply, bytes(4), compact=False))[b"peers"] == []


@given(st.sampled_from(sorted(REASONS)), st.integers(60, 10_000))
def test_a_failure_says_when_to_come_back(code, interval):
    answer = read(write_failure(Refusal(code), interval, 60))

    assert answer[b"failure reason"].decode() == REASONS[code].sentence
    assert answer[b"interval"] == interval
    assert answer[b"retry in"] == str(interval // 60).encode()


@given(st.dictionaries(st.binary(min_size=20, max_size=20).map(InfoHash), counts, max_size=8))
def test_a_scrape_names_each_torrent_once_and_sorted(files):
    twice = [*files.items(), *files.items()]

    answer = read(write_scrape(twice, 900))

    assert answer[b"flags"] == {b"min_request_interval": 900}
    assert set(answer[b"files"]) == set(files)
    for infohash, each in files.items():
        assert answer[b"files"][infohash] == {
            b"complete": each.complete,
            b"downloaded": each.downloaded,
            b"downloaders": each.downloaders,
            b"incomplete": each.incomplete,
        }

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from downloads.links import KEY_BYTES, TORRENT, ZIP, DownloadLink, DownloadLinks
from downloads.model import Content, ContentKey, Job
from tests.support.clock import Clock
from tests.support.held_downloads import make_job

HASH = InfoHash(b"h" * 20)
KEY = bytes(range(KEY_BYTES))
HOUR = 3600
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def job(number: int = 7, account: int = 3, infohash: InfoHash = HASH) -> Job:
    return make_job(number, account, Content(ContentKey(infohash), "name", 10, (), True, False, 1, 2))


def refused(links: DownloadLinks, opaque: str) -> str:
    with pytest.raises(Refusal) as refusal:
        links.read(opaque)
    return refusal.value.code


@given(
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=20, max_size=20),
    st.integers(-2, 10**6),
)
def test_a_link_names_its_account_job_content_and_file(account, number, raw, what):
    links = DownloadLinks(KEY, HOUR, Clock())
    held = job(number, account, InfoHash(raw))

    link = links.read(links.make(held, what))

    assert link == DownloadLink(account, number, InfoHash(raw), what)
    assert link.matches(held)


def test_a_link_fits_no_other_job_account_or_content():
    held = job()
    link = DownloadLink(held.account, held.id, HASH, ZIP)

    assert link.matches(held)
    assert not link.matches(job(number=8))
    assert not link.matches(job(account=4))
    assert not link.matches(job(infohash=InfoHash(b"i" * 20)))


def test_a_v2_hash_is_named_by_its_first_20_bytes():
    held = job(infohash=InfoHash(b"v" * 32))
    links = DownloadLinks(KEY, HOUR, Clock())

    link = links.read(links.make(held, TORRENT))

    assert link.infohash == b"v" * 20
    assert link.matches(held)


def test_a_link_may_be_started_until_its_lifetime_is_over():
    clock = Clock()
    links = DownloadLinks(KEY, HOUR, clock)
    opaque = links.make(job(), 0)

    clock.now += HOUR - 0.5
    assert links.read(opaque).target == 0
    clock.now += 0.5
    assert refused(links, opaque) == "link-expired"


def test_a_link_says_nothing_readable_and_fits_in_a_path_segment():
    opaque = DownloadLinks(KEY, HOUR, Clock()).make(replace(job(), name="secret name"), 0)

    assert len(opaque) < 160
    assert set(opaque) <= set(LETTERS + ".")


def test_a_link_signed_under_another_key_is_unknown():
    foreign = DownloadLinks(bytes(KEY_BYTES), HOUR, Clock()).make(job(), 0)

    assert refused(DownloadLinks(KEY, HOUR, Clock()), foreign) == "bad-file-link"


@given(st.integers(0, 1000), st.sampled_from(LETTERS + "."))
def test_a_link_with_any_character_changed_is_unknown(place, letter):
    links = DownloadLinks(KEY, HOUR, Clock())
    opaque = links.make(job(), 5)
    place %= len(opaque)
    forged = opaque[:place] + letter + opaque[place + 1 :]

    if forged != opaque:
        assert refused(links, forged) == "bad-file-link"


@given(st.integers(0, 200))
def test_a_link_cut_off_is_unknown(length):
    links = DownloadLinks(KEY, HOUR, Clock())
    opaque = links.make(job(), 5)

    assert refused(links, opaque[: length % len(opaque)]) == "bad-file-link"


@given(st.text())
def test_no_text_but_a_link_is_one(text):
    assert refused(DownloadLinks(KEY, HOUR, Clock()), text) == "bad-file-link"


@pytest.mark.parametrize(
    "text", ["", ".", "a" * 10_000_000, "\0", "\ud800", "ü.ü", "../../etc/passwd", "=" * 200]
)
def test_hostile_texts_are_no_links(text):
    assert refused(DownloadLinks(KEY, HOUR, Clock()), text) == "bad-file-link"


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**40))
def test_a_link_has_one_spelling(raw, number):
    links = DownloadLinks(KEY, HOUR, Clock())
    opaque = links.make(job(number, infohash=InfoHash(raw)), 0)
    payload, signature = opaque.split(".")

    spellings = {f"{opaque}=", f"{opaque}==", f"{opaque}!", f"{opaque}\n", f"{payload}=.{signature}"}
    spellings |= {opaque.replace("-", "+").replace("_", "/"), f"{payload}.{signature[:9]}+!{signature[9:]}"}
    for each in spellings - {opaque}:
        assert refused(links, each) == "bad-file-link"

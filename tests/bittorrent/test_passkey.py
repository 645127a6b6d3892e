import pytest

from bittorrent.passkey import PASSKEY_MOST, PasskeyPath, is_passkey, read_path, read_query

LONGEST = b"k" * PASSKEY_MOST


@pytest.mark.parametrize("action", ["announce", "scrape"])
@pytest.mark.parametrize("passkey", [b"k", LONGEST, b"aZ09-_", b"announce", b"scrape"])
def test_a_passkey_stands_before_or_behind_the_name(action, passkey):
    name = action.encode()

    assert read_path(b"/%b/%b" % (name, passkey)) == PasskeyPath(action, passkey)
    if passkey not in (b"announce", b"scrape"):
        assert read_path(b"/%b/%b" % (passkey, name)) == PasskeyPath(action, passkey)


def test_of_two_names_the_first_is_the_path():
    assert read_path(b"/announce/scrape") == PasskeyPath("announce", b"scrape")


@pytest.mark.parametrize(
    "path",
    [
        b"", b"/", b"/announce", b"/scrape", b"/announce/", b"//announce", b"/announce/k/", b"/k/announce/",
        b"/a b/announce", b"/announce/%41", b"/" + LONGEST + b"k/announce", b"/x/y/announce", b"/announce/k\n",
    ],
)  # fmt: skip
def test_any_other_path_brings_none(path):
    assert read_path(path) is None


def test_the_form_of_a_passkey():
    assert is_passkey(LONGEST)
    assert not any(map(is_passkey, (b"", LONGEST + b"k", b"a.b", b"k\n")))


@pytest.mark.parametrize(
    ("query", "passkey"),
    [
        (b"", b""), (b"passkey", b""), (b"passkey=", b""), (b"xpasskey=a", b""), (b"passkey=a", b"a"),
        (b"passkey=a&passkey=b", b"b"), (b"x=1&passkey=%61=&y", b"%61="),
    ],
)  # fmt: skip
def test_of_a_query_the_last_passkey_counts_as_it_stands(query, passkey):
    assert read_query(query) == passkey

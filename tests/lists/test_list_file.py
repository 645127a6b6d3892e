"""Lists as files of lines: what is read, what is bad, what is no list."""

import pytest

from lists.access_rules import RuleSubject
from lists.infohashes import ListKind
from lists.list_file import BAD_TOLD, LONGEST_LINE, ListSource, UnusableFile, read_list_file

CLIENTS = ListSource("deny_clients", ListKind.DENY, RuleSubject.CLIENT)
ADDRESSES = ListSource("deny_addresses", ListKind.DENY, RuleSubject.ADDRESS)
TORRENTS = ListSource("deny_torrents", ListKind.DENY, None)


def read(tmp_path, source, text, most=1000):
    path = tmp_path / "list"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_list_file(path, source, most)


def test_lines_have_a_pattern_and_perhaps_a_reason(tmp_path):
    found = read(tmp_path, CLIENTS, "# all of them\n\n-UT 3 # old\r\n  M4-\n-XX#1\n")
    assert found.entries == {"-UT 3..3": "old", "M4-": "", "-XX#1": ""}
    assert (found.bad, found.told) == (0, ())


def test_addresses_are_networks_and_ranges(tmp_path):
    found = read(
        tmp_path, ADDRESSES, "192.0.2.1\n10.0.0.0/8 # ours\n198.51.100.0-198.51.100.6\n2001:db8::/32\n"
    )
    assert list(found.entries) == [
        "192.0.2.1/32", "10.0.0.0/8", "198.51.100.0/30", "198.51.100.4/31", "198.51.100.6/32", "2001:db8::/32",
    ]  # fmt: skip


def test_torrents_are_infohashes_of_both_lengths(tmp_path):
    found = read(tmp_path, TORRENTS, f"{'AB' * 20}\n{'cd' * 32} # asked for")
    assert found.entries == {"ab" * 20: "", "cd" * 32: "asked for"}


def test_bad_lines_are_told_with_their_number_and_the_rest_is_taken(tmp_path):
    good = "".join(f"10.{number}.0.0/16\n" for number in range(60))
    bad = b"x" * (3 * LONGEST_LINE) + b"\n10.0.0.1/8\n\xff\xfe\n10.1.2.3-10.1.2\n"
    found = read(tmp_path, ADDRESSES, good.encode() + bad)
    assert (len(found.entries), found.bad) == (60, 4)
    assert [each.split(":")[0] for each in found.told] == [f"line {number}" for number in (61, 62, 63, 64)]


def test_what_is_told_is_bounded(tmp_path):
    text = "x/y\n" * 50 + "".join(f"10.{first}.{last}.0/24\n" for first in range(3) for last in range(200))
    found = read(tmp_path, ADDRESSES, text)
    assert (found.bad, len(found.told)) == (50, BAD_TOLD)


@pytest.mark.parametrize(
    ("text", "said"),
    [("<html>\n<body>\n10.0.0.0/8", "2 of its 3 lines are bad"), ("1.1.1.1\n2.2.2.2\n3.3.3.3", "more than 2 entries")],
)  # fmt: skip
def test_what_is_no_such_list_is_not_taken(tmp_path, text, said):
    with pytest.raises(UnusableFile, match=said):
        read(tmp_path, ADDRESSES, text, most=2)


def test_a_file_that_cannot_be_read_is_not_taken(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UnusableFile):
            read_list_file(path, TORRENTS, 5)

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bittorrent.filenames import extractable_paths, safe_filename, split_extension

PARTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["..", ".", "", "a", "A", "a:", "a?", "nul", "b.", "C:\\x", "a (2)", "é", "e\u0301", "日" * 200]
    ),
)
PATHS = st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join), max_size=12)


def seen(path):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", path).casefold())


@given(PATHS)
@example(["a", "a/b"])
@example(["a:", "a_/b"])
@example(["a", "a", "a (2)", "A"])
@example(["\u0345a", "\u03b9a"])
def test_paths_stay_below_and_apart(paths):
    names = extractable_paths(paths)

    assert len(names) == len(paths)
    folders = {seen(name[:end]) for name in names for end, c in enumerate(name) if c == "/"}
    assert len({seen(name) for name in names}) == len(names)
    assert folders.isdisjoint(seen(name) for name in names)
    for name in names:
        for part in name.split("/"):
            assert part not in {"", ".", ".."}
            assert len(part.encode()) <= 255
            assert safe_filename(part) == part
            assert part == part.rstrip(" .")


def test_plain_paths_stay_as_they_are():
    paths = ["root/a.txt", "root/sub/b", "root/.hidden", "root/a.tar.gz", "ünï/日本.mkv", "a (2)", "cons.txt"]

    assert extractable_paths(paths) == paths


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("..\\..\\windows", ".._.._windows"),
        ("C:\\x", "C__x"),
        ("root/..", "root"),
        ("..", "_"),
        ("root/CON", "root/_CON"),
        ("root/aux.txt", "root/_aux.txt"),
        ("root/LPT1 .tar.gz", "root/_LPT1 .tar.gz"),
        ("root/name. ", "root/name"),
        ("root/gpj\u202eexe", "root/gpj_exe"),
        ("root/a\0b\ud800", "root/a_b_"),
    ],
)
def test_paths_that_would_leave_or_trick_are_tamed(path, name):
    assert extractable_paths([path]) == [name]


def test_many_files_of_one_name_are_told_apart_in_time():
    names = extractable_paths(["root/a?.txt"] * 20_000)

    assert names[:3] == ["root/a_.txt", "root/a_ (2).txt", "root/a_ (3).txt"]
    assert len(set(names)) == 20_000


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("a.mkv", ("a", ".mkv")),
        ("a.tar.gz", ("a.tar", ".gz")),
        (".hidden", (".hidden", "")),
        ("a.", ("a.", "")),
        ("a.b c", ("a.b c", "")),
        ("a." + "b" * 16, ("a." + "b" * 16, "")),
        ("", ("", "")),
    ],
)
def test_an_ending_is_of_few_letters_and_digits(name, split):
    assert split_extension(name) == split

import gzip

import pytest

from actions.imdb_tsv import HEADER, ImdbTsv
from bittorrent.refusal import Refusal
from catalogue.imdb_titles import ImdbTitle

LINES = [
    b"tt0000001\tmovie\tFilm\tFilm\t0\t1999\t\\N\t90\tDrama",
    b"tt0000002\ttvEpisode\tEpisode\tEpisode\t0\t1999\t\\N\t90\tDrama",
    b"tt12345678\ttvSeries\tSeries\tS\xc3\xa9rie\t0\t\\N\t2001\t\\N\t\\N",
    b"tt0000003\tvideoGame\tGame\tGame\t0\t1999\t\\N\t90\tDrama",
]


def written(path, lines, packed=False):
    data = b"\n".join([HEADER, *lines]) + b"\n"
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def everything(path, **limits):
    opened = ImdbTsv(path, **limits)
    try:
        found = []
        while (listed := opened.read_titles(2)) is not None:
            found += listed
        return found, opened.skipped
    finally:
        opened.close()


@pytest.mark.parametrize("packed", [False, True])
def test_films_and_series_are_read_and_nothing_else(tmp_path, packed):
    found, passed = everything(written(tmp_path / "title.basics", LINES, packed))
    assert [(each.title, each.rank) for each in found] == [
        (ImdbTitle(1, "Film", "Film", 1999, False), 0),
        (ImdbTitle(12345678, "Series", "S\u00e9rie", None, True), 0),
    ]
    assert passed == 0


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"tt0000001\tmovie",
        b"tt1\tmovie\tFilm\tFilm\t0\t1999\t\\N\t90\tDrama",
        b"tt99999999999\tmovie\tFilm\tFilm\t0\t1999\t\\N\t90\tDrama",
        b"tt0000001\tmovie\tFilm\tFilm\t0\t19999\t\\N\t90\tDrama",
        b"tt0000001\tmovie\tFi\xfflm\tFilm\t0\t1999\t\\N\t90\tDrama",
        b"tt0000001\tmovie\tFi\x00lm\tFilm\t0\t1999\t\\N\t90\tDrama",
        b"tt0000001\tmovie\t\xe2\x80\xaemlif\tFilm\t0\t1999\t\\N\t90\tDrama",
        b"tt0000001\tmovie\t\tFilm\t0\t1999\t\\N\t90\tDrama",
        b"tt0000001\tmovie\t" + b"x" * 5000 + b"\tFilm\t0\t1999\t\\N\t90\tDrama",
    ],
)
def test_a_line_that_cannot_be_read_is_passed_over(tmp_path, line):
    found, passed = everything(written(tmp_path / "title.basics", [line, *LINES]))
    assert (len(found), passed) == (2, 1)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"tconst\n", HEADER + b"\tmore\n", b"\x1f\x8b\x08\x00", b"\x1f\x8bjunk"]
)
def test_another_file_is_refused(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(Refusal) as caught:
        ImdbTsv(tmp_path / "file")
    assert caught.value.code == "unreadable"


def test_what_is_no_plain_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(Refusal) as caught:
            ImdbTsv(path)
        assert caught.value.code == "unreadable"


@pytest.mark.parametrize("cut", [1, 9, 30])
def test_a_packed_file_that_was_cut_off_is_refused(tmp_path, cut):
    path = written(tmp_path / "title.basics.gz", LINES * 50, packed=True)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(Refusal) as caught:
        everything(path)
    assert caught.value.code == "unreadable"


def test_a_line_without_an_end_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "title.basics.gz"
    path.write_bytes(gzip.compress(HEADER + b"\n" + bytes(50_000_000)))
    opened = ImdbTsv(path)
    with pytest.raises(Refusal, match="line 2"):
        opened.read_titles(1)
    opened.close()


def test_a_file_of_endless_lines_is_refused(tmp_path):
    with pytest.raises(Refusal, match="line 4"):
        everything(written(tmp_path / "title.basics", LINES), most_lines=3)

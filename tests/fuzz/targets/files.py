"""Fuzz targets of files: compressed uploads, archives, lines of a catalogue dump, IMDb's titles."""

import atexit
import json
import shutil
import tempfile
from pathlib import Path

from actions.archives import TAR_SUFFIXES, TORRENT_SUFFIXES, ZIP_SUFFIXES, candidates, total_size
from actions.catalogue_dump_lines import LINE_FIELDS, is_header, read_line
from actions.imdb_tsv import HEADER, LONGEST_TITLE, ImdbTsv
from actions.site_sources import ACCOUNTS, LARGEST, TRAFFIC, SiteForm, SiteSource, open_source
from bittorrent.refusal import Refusal
from cache.compression import pack, unpack
from tests.fuzz.targets.target import Target, refused

_LIMIT = 4000
_SUFFIXES = (*ZIP_SUFFIXES, *TAR_SUFFIXES, *TORRENT_SUFFIXES)
_folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)


def compressed_upload(data: bytes) -> None:
    """What is unpacked is no larger than the limit, and what was packed comes back."""
    found = refused(lambda: unpack(data, _LIMIT))
    assert found in ("bad-compression", "too-large") or (isinstance(found, bytes) and len(found) <= _LIMIT)
    if len(data) <= _LIMIT:
        assert unpack(pack(data), _LIMIT) == data


def archive(data: bytes) -> None:
    """Whatever is in an archive, each file has bounded bytes or a refusal, and a name that can be shown."""
    path = _folder / f"a{_SUFFIXES[(data[0] if data else 0) % len(_SUFFIXES)]}"
    path.write_bytes(data[1:])
    size = total_size([path])
    assert size == len(data[1:])
    count = 0
    for each in candidates([path], _LIMIT):
        count += 1
        assert isinstance(each.data, Refusal) or len(each.data) <= _LIMIT
        assert each.name.isprintable()
        assert each.done >= 0
    assert count <= 1 + len(data)


def dump_line(data: bytes) -> None:
    """A line is of a known kind with all of its fields, or refused with what is wrong with each."""
    is_header(data)
    try:
        kind, values = read_line(data)
    except Refusal as refusal:
        assert refusal.code in {"invalid", "unreadable"}
        json.dumps(dict(refusal.fields)).encode()
        return
    assert set(values) == set(LINE_FIELDS[kind])
    str(values).encode()


def imdb_titles(data: bytes) -> None:
    """Lines are titles, of other kinds, or skipped."""
    path = _folder / "titles.tsv"
    path.write_bytes(data if data[:1] == b"\x1f" else HEADER + b"\n" + data)
    try:
        file = ImdbTsv(path)
    except Refusal:
        return
    try:
        for each in file.read_titles(50) or ():
            assert 0 < len(each.title.title) <= LONGEST_TITLE
            assert 0 <= each.title.number < 10**10
            assert each.title.year is None or 1000 <= each.title.year < 3000
    except Refusal as refusal:
        assert refusal.code in {"unreadable", "too-large"}
    finally:
        file.close()


def site_dump(data: bytes) -> None:
    """Whatever a dump holds, accounts and traffic have numbers within bounds and infohashes, or it is refused."""
    path = _folder / "site.sql"
    path.write_bytes(data[1:])
    form = SiteForm.GAZELLE if data[:1] == b"g" else SiteForm.UNIT3D
    _check_site(open_source(form, path))


def site_tables(data: bytes) -> None:
    """Whatever two tables hold, parted by a line of `--`, the same."""
    folder = _folder / "site"
    folder.mkdir(exist_ok=True)
    accounts, _, traffic = data.partition(b"--\n")
    (folder / ACCOUNTS).write_bytes(accounts)
    (folder / TRAFFIC).write_bytes(traffic)
    _check_site(open_source(SiteForm.CSV, folder))


def _check_site(source: SiteSource) -> None:
    try:
        for _, account in source.accounts():
            numbers = (account.number, account.uploaded, account.downloaded, account.tokens, account.joined)
            assert all(0 <= each <= LARGEST for each in numbers)
        for _, row in source.traffic():
            assert len(row.infohash) == 20
            assert all(0 <= each <= LARGEST for each in (row[0], *row[2:9]))
    except Refusal as refusal:
        assert refusal.code == "unreadable"


TARGETS = (
    Target(site_dump, 4),
    Target(site_tables, 4),
    Target(compressed_upload, 6),
    Target(archive, 2, 6000),
    Target(dump_line, 8),
    Target(imdb_titles, 3),
)

"""Rows that are kept as long as their records are the same."""

from dataclasses import replace

from doors.kept_rows import KeptRows
from tests.doors.gazelle import records

TORRENT = records.torrent(id=1)


class Renderer:
    """Counts what it renders."""

    def __init__(self, rows):
        self.rows = rows
        self.calls = 0

    def row(self, record, variant=None):
        def render():
            self.calls += 1
            return f"{record.id} {variant} {getattr(record, 'title', record)}"

        return self.rows.row(record, variant, render)


def test_a_row_is_rendered_once_for_a_record_and_a_variant():
    renderer = Renderer(KeptRows())
    assert renderer.row(TORRENT) == renderer.row(TORRENT)
    assert renderer.calls == 1
    assert renderer.row(TORRENT, "other") != renderer.row(TORRENT)
    assert renderer.calls == 2


def test_a_record_that_was_read_again_keeps_its_row():
    renderer = Renderer(KeptRows())
    renderer.row(TORRENT)
    renderer.row(replace(TORRENT))
    assert renderer.calls == 1


def test_a_record_that_changed_is_rendered_again():
    renderer = Renderer(KeptRows())
    renderer.row(TORRENT)
    assert "another" in renderer.row(replace(TORRENT, title="another"))
    assert "another" in renderer.row(replace(TORRENT, title="another"))
    assert renderer.calls == 2


def test_rows_take_no_more_than_they_may():
    renderer = Renderer(KeptRows(most_bytes=10_000))
    for number in range(200):
        renderer.row(replace(TORRENT, id=number))
    before = renderer.calls
    renderer.row(replace(TORRENT, id=199))
    assert renderer.calls == before
    renderer.row(replace(TORRENT, id=0))
    assert renderer.calls == before + 1

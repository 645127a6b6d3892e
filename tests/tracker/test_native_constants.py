import pytest

from bittorrent.refusal import REASONS
from tracker.native_constants import HEADER, REFUSALS, header


def test_the_header_is_what_the_constants_make_it():
    assert HEADER.read_text() == header(), "run python -m tracker.native_constants"


def test_every_refusal_has_a_row_in_the_table_and_its_number_in_c():
    native = pytest.importorskip("tracker._native")

    assert set(REFUSALS) <= REASONS.keys()
    assert native.REFUSALS == REFUSALS

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from bittorrent.merkle import pieces_root
from tests.bittorrent.torrents import PIECE, code_of, leaf, parse, v2

LAYER = bytes(range(32)) + bytes(range(32, 64)) + bytes(range(64, 96))


LARGE = 3 * PIECE - 1


def test_piece_layers_may_be_missing_but_not_false() -> None:
    root = pieces_root(LAYER, PIECE)
    info = v2({b"a": leaf(LARGE, root), b"small": leaf()})
    assert parse(info).size == LARGE + 5
    assert parse(info, piece_layers={}).size == LARGE + 5
    assert parse(info, piece_layers={root: LAYER}).size == LARGE + 5
    for false in (
        {root: LAYER[:64]},
        {root: LAYER[::-1]},
        {root: 5},
        {b"x" * 32: LAYER},
        {b"": b""},
        [],
        b"x",
    ):
        assert code_of(info, piece_layers=false) == "bad-piece-layers"


def reference_root(blocks: list[bytes]) -> bytes:
    leaves = [sha256(block).digest() for block in blocks]
    while len(leaves) & (len(leaves) - 1):
        leaves.append(bytes(32))
    while len(leaves) > 1:
        leaves = [
            sha256(left + right).digest() for left, right in zip(leaves[::2], leaves[1::2], strict=True)
        ]
    return leaves[0]


@given(st.integers(0, 3), st.integers(1, 40))
def test_a_layer_adds_up_to_the_root_of_the_whole_file(level: int, count: int) -> None:
    in_piece = 2**level
    blocks = [bytes([number % 251]) * 4 for number in range(count)]
    pieces = [blocks[at : at + in_piece] for at in range(0, count, in_piece)]
    padded = [
        [sha256(block).digest() for block in piece] + [bytes(32)] * (in_piece - len(piece))
        for piece in pieces
    ]
    layer = b""
    for row in padded:
        hashes = row
        while len(hashes) > 1:
            hashes = [sha256(a + b).digest() for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
        layer += hashes[0]
    if len(pieces) > 1:
        assert pieces_root(layer, in_piece * PIECE) == reference_root(blocks)

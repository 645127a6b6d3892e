"""Merkle trees of version 2 files: piece layers checked against the pieces root (BEP 52)."""

from hashlib import sha256

from bittorrent.refusal import Refusal

BLOCK = 16 * 1024
HASH_LENGTH = 32


def check_piece_layers(layers: object, lengths: dict[bytes, int], piece_length: int) -> None:
    """Check the `piece layers` of a torrent against its files, whose `lengths` are given by pieces root.

    The infohash does not cover the layers, so a false one would break the torrent for whoever downloads the
    file here. A missing layer is allowed: clients get it from peers. Raises Refusal("bad-piece-layers").
    """
    if not isinstance(layers, dict):
        raise Refusal("bad-piece-layers", "it is no dictionary")
    for root, layer in layers.items():
        length = lengths.get(root)
        if length is None or not isinstance(layer, bytes):
            raise Refusal("bad-piece-layers", "a layer belongs to no file")
        if len(layer) != HASH_LENGTH * -(-length // piece_length):
            raise Refusal("bad-piece-layers", "a layer has not one hash a piece")
        if pieces_root(layer, piece_length) != root:
            raise Refusal("bad-piece-layers", "a layer does not add up to its file's root")


def pieces_root(layer: bytes, piece_length: int) -> bytes:
    """Compute the root above a layer of piece hashes; a short layer is padded with the hashes of zero blocks."""
    padding = bytes(HASH_LENGTH)
    for _ in range((piece_length // BLOCK).bit_length() - 1):
        padding = sha256(padding + padding).digest()
    while len(layer) > HASH_LENGTH:
        if len(layer) % (2 * HASH_LENGTH):
            layer += padding
        pairs = range(0, len(layer), 2 * HASH_LENGTH)
        layer = b"".join(sha256(layer[at : at + 2 * HASH_LENGTH]).digest() for at in pairs)
        padding = sha256(padding + padding).digest()
    return layer

"""A libtorrent session that seeds random content for a test."""

import os

import libtorrent as lt

from bittorrent.metainfo import Metainfo


class Seeder:
    """A client with all of the content."""

    def __init__(
        self, folder, sizes=(300_000, 5, 70_000), *, private=False, flags=lt.create_torrent.v1_only, up_rate=0
    ):
        root = folder / "pack"
        root.mkdir(parents=True)
        for number, size in enumerate(sizes):
            (root / f"f{number}.bin").write_bytes(os.urandom(size))
        made = lt.create_torrent(lt.list_files(str(root)), piece_size=16384, flags=flags)
        made.set_priv(private)
        lt.set_piece_hashes(made, str(folder))
        self.torrent = lt.bencode(made.generate())
        self.files = [(root / f"f{number}.bin").read_bytes() for number in range(len(sizes))]
        self.session = lt.session(
            {
                "listen_interfaces": "127.0.0.1:0",
                "enable_dht": False,
                "enable_lsd": False,
                "enable_upnp": False,
                "enable_natpmp": False,
                "allow_multiple_connections_per_ip": True,
            }
        )
        if up_rate:
            self.session.apply_settings({"upload_rate_limit": up_rate})
        params = lt.load_torrent_buffer(self.torrent)
        params.save_path = str(folder)
        params.flags = lt.torrent_flags.seed_mode
        self.handle = self.session.add_torrent(params)

    @property
    def peer(self):
        return ("127.0.0.1", self.session.listen_port())

    @property
    def infohash(self):
        return Metainfo.parse(self.torrent).infohash

"""Hides how a torrent's content is fetched, kept and served."""

"""Cache of .torrent files: stored, found and served byte for byte."""

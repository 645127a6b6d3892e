"""The REST API, after TorrentPier's; everything that the pages can do is here."""

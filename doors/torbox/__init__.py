"""TorBox's torrents API over the downloads of this service."""

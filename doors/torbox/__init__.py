"""Hides the dialect of TorBox's torrents service, spoken over the downloads of this service."""

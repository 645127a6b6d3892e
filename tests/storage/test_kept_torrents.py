"""Torrents that are kept: what they show is that of the last commit, whatever changed it."""

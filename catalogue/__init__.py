"""Hides what is said about a torrent, by whom, and how it is found."""

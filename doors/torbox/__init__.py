"""Hides the dialect of TorBox: its envelope, its words, and what its clients really send."""

"""Feeds of torrents for programs: RSS 2.0, Atom and Torznab."""

"""Hides the dialect of Gazelle: ajax.php, login.php and torrents.php."""

from doors.gazelle.door import routes

__all__ = ["routes"]

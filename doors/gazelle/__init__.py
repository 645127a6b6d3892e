"""Gazelle's JSON API: ajax.php, login.php and torrents.php."""

from doors.gazelle.door import routes

__all__ = ["routes"]

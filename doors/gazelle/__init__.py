"""Hides the dialect of Gazelle: ajax.php, login.php and torrents.php."""

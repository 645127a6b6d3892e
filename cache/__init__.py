"""The `.torrent` file itself: kept, found, sent as it came in."""

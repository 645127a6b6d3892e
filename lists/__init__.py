"""Allow-list and deny-list of infohashes: which, why, since when, by whom."""

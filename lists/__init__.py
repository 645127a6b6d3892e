"""Which infohashes are allowed or refused, why, since when, by whom."""

"""The largest limits that an account may be given in the tracker, which settings name and both stores hold."""

MOST_CLIENTS = 8
"""The largest limit of an account's clients in a torrent."""
MOST_SLOTS = 16
"""The largest limit of an account's downloads at once."""

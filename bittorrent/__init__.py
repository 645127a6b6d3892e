"""BitTorrent's formats and values: bytes in, values out; no sockets, no clock, no logging."""

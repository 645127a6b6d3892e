"""Formats and values of BitTorrent: bytes in, values out; no sockets, no clock, no logging."""

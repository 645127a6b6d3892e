"""Fuzz targets: every Python reader of bytes that strangers send."""

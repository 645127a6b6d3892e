"""Hides the REST dialect, which is also the native API: everything that the pages can do is here."""

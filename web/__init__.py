"""Hides what people see: server-rendered pages that work without JavaScript."""

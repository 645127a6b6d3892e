"""Deeds that touch more than one room."""

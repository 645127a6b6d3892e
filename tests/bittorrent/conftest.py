"""Hypothesis settings: no deadline per example, since a busy machine would exceed it."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

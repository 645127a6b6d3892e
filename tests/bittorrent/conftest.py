"""Hides how long a property may take: no deadline for an example, since a busy machine would miss it."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

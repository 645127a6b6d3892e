"""The mode of the tracker: who may announce what."""

from enum import StrEnum


class Mode(StrEnum):
    """Who may announce what: anybody any torrent, anybody listed ones, or accounts listed ones."""

    PUBLIC = "public"
    LISTED = "listed"
    PRIVATE = "private"

"""Tells a file's media type by its name, and which types no browser runs."""

from mimetypes import MimeTypes
from posixpath import splitext

UNKNOWN = "application/octet-stream"

_ADDED = {
    ".aac": "audio/aac",
    ".ass": "text/x-ssa",
    ".avi": "video/x-msvideo",
    ".divx": "video/x-msvideo",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".flv": "video/x-flv",
    ".m2ts": "video/mp2t",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".mka": "audio/x-matroska",
    ".mkv": "video/x-matroska",
    ".mts": "video/mp2t",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".srt": "application/x-subrip",
    ".ssa": "text/x-ssa",
    ".ts": "video/mp2t",
    ".vob": "video/mpeg",
    ".vtt": "text/vtt",
    ".wav": "audio/wav",
    ".webp": "image/webp",
    ".wmv": "video/x-ms-wmv",
}
# Python's own list and these alone: the machine's differs from one to the next.
_TYPES = MimeTypes().types_map[1] | _ADDED
# What players and viewers need: no HTML, SVG, XML, PDF, script, style or text is among them.
_INERT_IMAGES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})


def media_type(path: str) -> str:
    """Return the media type of a file by the suffix of its name, UNKNOWN for one that is not known."""
    return _TYPES.get(splitext(path)[1].lower(), UNKNOWN)


def inert_media_type(path: str) -> str:
    """Return a file's media type if no browser runs it (video, audio, a raster image), else UNKNOWN."""
    found = media_type(path)
    return found if found.startswith(("audio/", "video/")) or found in _INERT_IMAGES else UNKNOWN

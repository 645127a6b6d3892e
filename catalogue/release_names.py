"""Release-name parser: title, category, year, season and IMDb number from a torrent's name and files.

File types decide first, then release-naming conventions. Only names of video go through
parse-torrent-title. Nothing here raises, whatever the name, and the length that is read is bounded; the same
name and files always give the same result.
"""

import re
from collections.abc import Callable, Sequence
from itertools import islice

from catalogue.file_types import MOST_FILES_READ, FileType, file_type_of, predominant_type, without_extension
from catalogue.model import CatalogueFile, ParsedRelease
from catalogue.text_cleaning import plain_line

LONGEST = 250
"""Characters of a name that are read, and of a title."""

_MANY = 5  # videos without a sign that they are a series
_LIKE_ALL = 50  # videos whose names are looked at

_CATEGORIES = {
    FileType.AUDIO: "Music",
    FileType.AUDIOBOOK: "Books",
    FileType.BOOK: "Books",
    FileType.PROGRAM: "PC",
    FileType.IMAGE: "PC",
    FileType.MOBILE: "Mobile",
}
_WORD = r"(?<![0-9A-Za-z])(?:{})(?![0-9A-Za-z])"
_EPISODE = re.compile(
    r"第[0-9]{1,4}[話话集回]|"
    + _WORD.format(r"S[0-9]{1,3}[ ._-]?E[0-9]{1,4}(?:[ ._-]?E?[0-9]{1,4})?(?:v[0-9])?|[0-9]{1,2}x[0-9]{2,3}"),
    re.IGNORECASE,
)
_SERIES = re.compile(
    _WORD.format(
        r"S[0-9]{1,2}(?:[ ._-]*(?:-|to)[ ._-]*S?[0-9]{1,2})?|seasons?[ ._-]{0,2}[0-9]{1,2}"
        r"|(?:the[ ._-])?complete[ ._-]series|mini[ ._-]?series"
        r"|(?:19|20)[0-9]{2}[ ._-](?:0[1-9]|1[0-2])[ ._-](?:0[1-9]|[12][0-9]|3[01])"
    ),
    re.IGNORECASE,
)
_RELEASE = re.compile(
    _WORD.format(
        r"(?:480|540|576|720|1080|1440|2160|4320)[pi]|uhd|(?:x|h)[ ._]?26[456]|hevc|xvid|divx|av1"
        r"|blu-?ray|bd-?rip|br-?rip|bd25|bd50|bdmv|remux|web-?dl|web-?rip|hdtv|pdtv|hd-?rip"
        r"|dvd[59]|dvd-?rip|dvd-?scr|dvd-?r|hdcam|cam-?rip|telesync"
    ),
    re.IGNORECASE,
)
# [Group] Title - 03 [1080p] or [Group] Title (1080p) [0A1B2C3D]; a bracket with a dot in it is a site's.
_FANSUB = re.compile(
    r"^\[[^\]\[.]{1,40}\][ _.]?[^\[]{1,160}?"
    r"(?:[ _]-[ _](?:S[0-9]{1,2}[ _]?)?[0-9]{1,4}(?:\.5)?(?:v[0-9])?(?![0-9A-Za-z])"
    r"|[\[(][^\])]{0,60}(?:1080|720|480|2160|bd|batch|hevc|x26[45]|10-?bit)[^\])]{0,60}[\])])",
    re.IGNORECASE,
)
_NUMBER = re.compile(r" - [0-9]{1,4}v[0-9]$")
_CHECKSUM = re.compile(r"^\[[^\]\[.]{1,40}\].{1,200}[\[(][0-9A-F]{8}[\])]")
_ADULT = re.compile(r"(?<=[^0-9A-Za-z])XXX(?![0-9A-Za-z])|" + _WORD.format(r"(?i:porn|porno|pornhub|hentai)"))
_SOUND = re.compile(
    _WORD.format(
        r"flac|mp3|320 ?kbps|320k|v0|alac|24[ ._-]?bit|lossless|discography|ost|soundtrack|vinyl|album|web-?flac"
    ),
    re.IGNORECASE,
)
_SPOKEN = re.compile(_WORD.format(r"audio[ ._-]?books?|unabridged|h[oö]rbuch|audiolivre"), re.IGNORECASE)
_PRINT = re.compile(_WORD.format(r"e-?pub|pdf|mobi|azw3|djvu|e-?books?|cbr|cbz|retail ebook"), re.IGNORECASE)
_SYSTEM = re.compile(
    _WORD.format(
        r"iso|amd64|x86[_-]64|x64|i[36]86|arm64|aarch64|linux|windows|macos|setup|installer|repack|gog|portable|keygen"
    ),
    re.IGNORECASE,
)
_PHONE = re.compile(_WORD.format(r"apk|ipa|android|ios"), re.IGNORECASE)
_IMDB = re.compile(r"(?<![0-9A-Za-z])tt([0-9]{7,10})(?![0-9])")
_YEAR = re.compile(r"[\[({]((?:18|19|20)[0-9]{2})[\])}]")


def parse_release(name: str, files: Sequence[CatalogueFile]) -> ParsedRelease:
    """Parse a torrent's name and files; slow (milliseconds) for video, so call it in a thread.

    A torrent that is known by its name alone has no files.
    """
    line = plain_line(name, LONGEST)
    file_type = _file_type(line, files)
    category = _CATEGORIES.get(file_type, "Unsorted")
    imdb = _imdb(line, files)
    if file_type is FileType.AUDIO and _SPOKEN.search(line):
        category = "Books"
    if file_type in {FileType.VIDEO, FileType.PICTURE} and _ADULT.search(line):
        category = "XXX"
    elif file_type is FileType.VIDEO:
        return _video(line, files, imdb)
    year = _YEAR.search(line)
    return ParsedRelease(_plain_title(line), category, int(year[1]) if year else None, None, imdb)


def _file_type(line: str, files: Sequence[CatalogueFile]) -> FileType:
    file_type = predominant_type(files) if files else file_type_of(line)
    if file_type is FileType.IMAGE and _is_release(line):
        return FileType.VIDEO
    if file_type in {FileType.ARCHIVE, FileType.OTHER}:
        return _type_by_name(line)
    return file_type


def _type_by_name(line: str) -> FileType:
    """Return the file type of an archive's content, or of a torrent known by its name alone, from the name."""
    if _is_release(line) or _FANSUB.search(line):
        return FileType.VIDEO
    words = (
        (_SPOKEN, FileType.AUDIOBOOK),
        (_SOUND, FileType.AUDIO),
        (_PRINT, FileType.BOOK),
        (_PHONE, FileType.MOBILE),
        (_SYSTEM, FileType.PROGRAM),
    )
    return next((file_type for pattern, file_type in words if pattern.search(line)), FileType.OTHER)


def _is_release(line: str) -> bool:
    return bool(_EPISODE.search(line) or _RELEASE.search(line))


def _video(line: str, files: Sequence[CatalogueFile], imdb: int | None) -> ParsedRelease:
    videos = (
        file.path for file in islice(files, MOST_FILES_READ) if file_type_of(file.path) is FileType.VIDEO
    )
    names = [path.rpartition("/")[2][:LONGEST] for path in islice(videos, _LIKE_ALL)]
    parsed = _parsed(line)
    title = _spaced(_NUMBER.sub("", plain_line(str(parsed.get("title") or ""), LONGEST))) or _plain_title(
        line
    )
    year, season = _number(parsed.get("year"), 1880, 2100), _number(parsed.get("season"), 0, 200)
    if _is_anime(line) or _mostly(names, _is_anime):
        category = "Anime"
    elif _EPISODE.search(line) or _SERIES.search(line) or _mostly(names, _EPISODE.search):
        category = "TV"
    elif len(names) >= _MANY and year is None and not _RELEASE.search(line):
        return ParsedRelease(_plain_title(line), "Unsorted", None, None, imdb)
    else:
        category, season = "Movies", None
    return ParsedRelease(title, category, year, season, imdb)


def _parsed(line: str) -> dict[str, object]:
    # Building its patterns is slow, and only names of video need them.
    from catalogue.release_title import read_release_title  # noqa: PLC0415

    try:
        return read_release_title(_IMDB.sub("", without_extension(line)))
    except Exception:  # a hostile name may make it fail in any way; the title is found without it
        return {}


def _number(value: object, low: int, high: int) -> int | None:
    """Return the number in a field of PTN's result, None where there are several or it is out of range."""
    numbers = value if isinstance(value, list) else [value]
    if len(numbers) != 1 or not isinstance(numbers[0], int):
        return None
    return numbers[0] if low <= numbers[0] <= high else None


def _is_anime(name: str) -> bool:
    return bool(_FANSUB.search(name) or _CHECKSUM.search(name)) and not name.lower().startswith("[www")


def _mostly(names: Sequence[str], fits: Callable[[str], object]) -> bool:
    return len(names) > 1 and 2 * sum(1 for name in names if fits(name)) > len(names)


def _imdb(line: str, files: Sequence[CatalogueFile]) -> int | None:
    """Return the IMDb number in the name, or in the name of a side file."""
    sides = (
        file.path[-LONGEST:]
        for file in islice(files, MOST_FILES_READ)
        if file_type_of(file.path) is FileType.SIDE
    )
    for text in (line, *sides):
        match = _IMDB.search(text)
        if match and int(match[1]):
            return int(match[1])
    return None


def _plain_title(line: str) -> str:
    """Return a name as a title: without its extension, with spaces for dots and underscores."""
    return _spaced(without_extension(line)) or line or "Untitled"


def _spaced(title: str) -> str:
    if " " not in title:
        title = re.sub("(?<![0-9])_|_(?![0-9])", " ", title)
    if " " not in title:
        title = re.sub(r"(?<![0-9])\.|\.(?![0-9])", " ", title)
    return " ".join(title.split()).strip(" -._")

"""Settings of how the pages look, and who runs the service."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from doors.logo import LOGO_TYPES, MOST_LOGO_BYTES
from doors.site_colours import read_colour
from peerage.sections.section import OptionalPath, Reads, Section, Setting


def _contact(text: str) -> str:
    """Return a URL or a mail address. ValueError for anything else."""
    parts = urlsplit(text)
    is_url = parts.scheme in {"http", "https"} and bool(parts.hostname)
    is_mail = not parts.scheme and text.count("@") == 1 and not text.startswith("@") and " " not in text
    if text and not is_url and not is_mail:
        raise ValueError("it is neither an http(s) URL nor a mail address")
    return text


def _logo(path: Path | None) -> Path | None:
    """Return the path of a picture that pages can show. ValueError for what is none, or too large."""
    if path is None:
        return None
    if path.suffix.lower().removeprefix(".") not in LOGO_TYPES:
        raise ValueError(f"its name ends in none of {', '.join(f'.{each}' for each in LOGO_TYPES)}")
    if not path.is_file():
        raise ValueError("there is no such file")
    if path.stat().st_size > MOST_LOGO_BYTES:
        raise ValueError(f"it is larger than {MOST_LOGO_BYTES // 1024} KiB")
    return path


def _languages(path: Path | None) -> Path | None:
    """Return the path of a folder of catalogues. ValueError for what is none, or one that cannot be read."""
    if path is not None:
        from doors.languages import languages_with  # noqa: PLC0415 - loads gettext

        if not path.is_dir():
            raise ValueError("there is no such folder")
        languages_with(path)
    return path


class SiteSection(Section, frozen=True, kw_only=True):
    """Who runs the service, and how its pages look; their name is `catalogue.site_name`."""

    operator: Annotated[
        str,
        Setting(
            "Who runs this service, as every page says at its end; unset: its name.", 0, 100, takes="a name"
        ),
    ] = ""
    contact: Annotated[
        Annotated[str, Reads(_contact, after=True)],
        Setting(
            "Where the operator is reached; every page links to it.",
            0,
            300,
            takes="an http(s) URL or a mail address",
        ),
    ] = ""
    logo: Annotated[
        Annotated[OptionalPath, Reads(_logo, after=True)],
        Setting(
            "A picture that stands before the name on every page, 256 KiB at most.",
            takes="the path of an .svg, .png or .webp",
        ),
    ] = None
    languages: Annotated[
        Annotated[OptionalPath, Reads(_languages, after=True)],
        Setting(
            "A folder with catalogues of further languages, LANGUAGE.po; one that is here already is replaced.",
            takes="the path of a folder",
        ),
    ] = None
    colour: Annotated[
        Annotated[str, Reads(read_colour, after=True)],
        Setting(
            "The colour of links and buttons, which is made lighter or darker where text needs it.",
            takes="a colour as #0b57c2",
        ),
    ] = ""

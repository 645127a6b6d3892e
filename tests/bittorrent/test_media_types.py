import pytest

from bittorrent.media_types import UNKNOWN, inert_media_type, media_type


@pytest.mark.parametrize("suffix", ["mkv", "m4v", "ts", "m2ts", "wmv", "MKV"])
def test_what_players_play_is_a_video(suffix: str) -> None:
    assert media_type(f"a folder/film.{suffix}").startswith("video/")


@pytest.mark.parametrize("suffix", ["flac", "m4a", "opus"])
def test_what_is_heard_is_audio(suffix: str) -> None:
    assert media_type(f"song.{suffix}").startswith("audio/")


def test_subtitles_and_the_unknown() -> None:
    assert media_type("film.ass") == "text/x-ssa"
    assert media_type("film.unheard") == UNKNOWN


def test_a_name_is_taken_as_it_is() -> None:
    assert media_type("Film #1?.mkv") == "video/x-matroska"
    assert media_type("film.mkv.gz") == UNKNOWN
    assert media_type("folder.mkv/film") == UNKNOWN


@pytest.mark.parametrize(
    "suffix", ["html", "htm", "xhtml", "svg", "xml", "pdf", "js", "mjs", "css", "mht", "vtt", "ass"]
)
def test_what_a_browser_runs_or_reads_is_served_as_unknown(suffix: str) -> None:
    assert inert_media_type(f"a.{suffix}") == UNKNOWN


@pytest.mark.parametrize("suffix", ["mkv", "flac", "png", "jpg", "m2ts", "wmv", "opus"])
def test_media_are_served_under_their_type(suffix: str) -> None:
    assert inert_media_type(f"a.{suffix}") == media_type(f"a.{suffix}") != UNKNOWN

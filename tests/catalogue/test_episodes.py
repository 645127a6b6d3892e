import pytest

from catalogue.episodes import EpisodeNumber, episode_of


@pytest.mark.parametrize(
    ("name", "season", "episode"),
    [
        ("Harbour.S01E05.720p", 1, 5),
        ("harbour s01 e05", 1, 5),
        ("Harbour 2x13 Pier", 2, 13),
        ("Harbour.S01E05E06", 1, 5),
        ("Harbour.S00E01", 0, 1),
        ("Harbour.S100E1000", 100, 1000),
        ("Harbour_S03-E07_x", 3, 7),
    ],
)
def test_the_first_episode_that_a_name_numbers(name, season, episode):
    assert episode_of(name) == EpisodeNumber(season, episode)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Harbour",
        "Harbour.S01",
        "1920x1080",
        "Harbours1e5x",
        "Harbour 12345x01",
        "S01E12345",
        "x" * 300 + " S01E01",
    ],
)
def test_a_name_that_numbers_none(name):
    assert episode_of(name) is None

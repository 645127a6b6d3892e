import pytest

from accounts.model import Role
from tests.web.site import site_in


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as site:
        yield site


@pytest.fixture
def anna(site):
    return site.user("anna")


@pytest.fixture
def admin(site):
    return site.user("root", Role.ADMIN)


@pytest.fixture
def moderator(site):
    return site.user("mod", Role.MODERATOR)


@pytest.fixture
def torrent(site, anna):
    return site.upload(
        anna, "Nosferatu (1922).mkv", {"description": "[b]Silent[/b] film", "tags": ["horror", "silent.film"]}
    )

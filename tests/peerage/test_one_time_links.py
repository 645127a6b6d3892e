import stat

import pytest

from accounts.model import Role
from peerage.one_time_links import OneTimeLinks
from peerage.setting_values import ListenAddress
from storage.data_folder import FolderError
from tests.support.accounts import PASSWORD, open_accounts
from tests.support.clock import Clock

HERE = [ListenAddress("127.0.0.1", 6969)]


async def run(folder, work, public_url=None, **options):
    async with open_accounts(folder, **options) as each:
        return await work(each, OneTimeLinks(each.accounts, folder, public_url, HERE))


def secret_in(path):
    return path.read_text().strip().rpartition("/")[2]


async def test_a_new_service_has_an_admin_whose_link_is_in_a_private_file(tmp_path):
    async def work(each, one_time_links):
        await one_time_links.open([ListenAddress("127.0.0.1", 4242)])
        file = one_time_links.pending
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().startswith("http://127.0.0.1:4242/welcome/")
        admin = await each.accounts.link_owner(secret_in(file))
        assert (admin.name, admin.role) == ("admin", Role.ADMIN)
        await one_time_links.tidy()
        assert file.exists()
        await each.accounts.redeem_link(secret_in(file), PASSWORD)
        await one_time_links.tidy()
        assert not file.exists()
        assert one_time_links.pending is None

    await run(tmp_path, work)


async def test_a_later_start_makes_a_new_link_until_one_is_redeemed(tmp_path):
    async def first(each, one_time_links):
        await one_time_links.open(HERE)
        return secret_in(one_time_links.pending)

    async def second(each, one_time_links, old):
        await one_time_links.open(HERE)
        new = secret_in(one_time_links.pending)
        assert new != old
        assert [standing.user.name for standing in await each.accounts.admins()] == ["admin"]
        await each.accounts.redeem_link(new, PASSWORD)

    async def third(each, one_time_links):
        await one_time_links.open(HERE)
        assert one_time_links.pending is None

    old = await run(tmp_path, first)
    await run(tmp_path, lambda *each: second(*each, old), random=Later())
    assert (tmp_path / "first-admin-link").exists()  # nothing tidied up in between
    await run(tmp_path, third)
    assert not (tmp_path / "first-admin-link").exists()


class Later:
    """Random bytes of a second run."""

    def __call__(self, size):
        return b"\x7f" * size


async def test_the_file_goes_with_the_links_time_and_a_start_after_that_makes_another(tmp_path):
    clock = Clock()

    async def expire(each, one_time_links):
        await one_time_links.open(HERE)
        clock.now += 7 * 86_400
        await one_time_links.tidy()
        assert one_time_links.pending is None
        assert not (tmp_path / "first-admin-link").exists()

    async def again(each, one_time_links):
        await one_time_links.open(HERE)
        assert await each.accounts.link_owner(secret_in(one_time_links.pending))

    await run(tmp_path, expire, clock=clock)
    await run(tmp_path, again, clock=clock, random=Later())


async def test_where_an_admin_came_in_or_is_invited_nothing_is_made(tmp_path):
    async def invited(each, one_time_links):
        root = await each.join("root", Role.ADMIN, password=None)
        link = await each.accounts.issue_link(root.id)
        await one_time_links.open(HERE)
        assert one_time_links.pending is None
        assert await each.accounts.link_owner(link) == root
        await each.accounts.redeem_link(link, PASSWORD)
        await one_time_links.open(HERE)
        assert one_time_links.pending is None
        assert await each.accounts.user("admin") is None

    await run(tmp_path, invited)


async def test_a_user_who_is_called_admin_does_not_become_one(tmp_path):
    async def work(each, one_time_links):
        await each.join("Admin")
        await one_time_links.open(HERE)
        assert (await each.accounts.link_owner(secret_in(one_time_links.pending))).name == "admin2"
        assert (await each.accounts.user("admin")).role is Role.USER

    await run(tmp_path, work)


async def test_a_crash_between_file_and_link_is_made_good_by_the_next_start(tmp_path):
    async def crash(each, one_time_links):
        async def fail(*_):
            raise OSError("power cut")

        each.store.set_link = fail
        with pytest.raises(OSError, match="power cut"):
            await one_time_links.open(HERE)

    async def again(each, one_time_links):
        await one_time_links.open(HERE)
        assert (await each.accounts.link_owner(secret_in(one_time_links.pending))).name == "admin"

    await run(tmp_path, crash)
    await run(tmp_path, again)


async def test_a_file_that_somebody_laid_there_is_not_written_through(tmp_path):
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "first-admin-link").symlink_to(tmp_path / "elsewhere")

    async def work(each, one_time_links):
        await one_time_links.open(HERE)
        assert not one_time_links.pending.is_symlink()

    await run(tmp_path, work)
    assert (tmp_path / "elsewhere").read_text() == "mine"


async def test_a_file_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "first-admin-link").mkdir()

    async def work(_each, one_time_links):
        with pytest.raises(FolderError, match=r"first-admin-link cannot be written"):
            await one_time_links.open(HERE)

    await run(tmp_path, work)


@pytest.mark.parametrize(
    ("public_url", "listen", "expected"),
    [
        ("https://t.example/x", "0.0.0.0", "https://t.example/x/welcome/S"),
        (None, "0.0.0.0", "http://127.0.0.1:80/welcome/S"),
        (None, "::", "http://[::1]:80/welcome/S"),
        (None, "192.0.2.7", "http://192.0.2.7:80/welcome/S"),
    ],
)
async def test_a_link_leads_to_where_the_service_is_reached(tmp_path, public_url, listen, expected):
    async def work(each, _):
        return OneTimeLinks(each.accounts, tmp_path, public_url, [ListenAddress(listen, 80)]).link("S")

    assert await run(tmp_path, work) == expected

"""What moves in from another site: each form is read whole, no passkey changes, and every total is equal."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.model import Principal
from actions.mysql_dump import read_dump
from actions.site_sources import SiteForm
from bittorrent.refusal import Refusal
from peerage.config import Settings
from peerage.wiring.application import open_application

OPERATOR = Principal(operator="me")
ONE, TWO = b"\x01'\\\n" * 5, bytes(range(20))
KEYS = ["0a" * 16, "Zz09" * 8, "f" * 32]


def quoted(value):
    """A value as mysqldump writes it."""
    if value is None:
        return b"NULL"
    if isinstance(value, int):
        return b"%d" % value
    raw = value.encode() if isinstance(value, str) else value
    for plain, letter in (
        (b"\\", b"\\"),
        (b"'", b"'"),
        (b"\n", b"n"),
        (b"\r", b"r"),
        (b"\0", b"0"),
        (b"\x1a", b"Z"),
    ):
        raw = raw.replace(plain, b"\\" + letter)
    return b"'" + raw + b"'"


def table(name, columns, *rows, per_line=1000):
    """A table as mysqldump writes it."""
    lines = [b"CREATE TABLE `%b` (" % name.encode()]
    lines += [b"  `%b` int(10) NOT NULL," % each.encode() for each in columns]
    lines += [b"  PRIMARY KEY (`id`)", b") ENGINE=InnoDB;", b"LOCK TABLES `%b` WRITE;" % name.encode()]
    for at in range(0, len(rows), per_line):
        values = b",".join(b"(" + b",".join(map(quoted, row)) + b")" for row in rows[at : at + per_line])
        lines.append(b"INSERT INTO `%b` VALUES %b;" % (name.encode(), values))
    return b"\n".join(lines) + b"\n"


UNIT3D = (
    b"-- MySQL dump\n/*!40101 SET NAMES utf8mb4 */;\n"
    + table(
        "history",
        ["id", "user_id", "torrent_id", "uploaded", "actual_uploaded", "downloaded", "actual_downloaded", "seedtime",
         "created_at", "updated_at", "completed_at"],
        (1, 10, 5, 200, 100, 0, 50, 3600, "2024-01-01 00:00:00", "2024-01-03 00:00:00", "2024-01-02 00:00:00"),
        (2, 10, 6, 7, 7, 9, 9, 0, "2024-01-01 00:00:00", "2024-01-03 00:00:00", None),
        (3, 11, 5, 50, 50, 100, 100, 60, "2024-01-01 00:00:00", "2024-01-03 00:00:00", None),
        (4, 99, 5, 1, 1, 1, 1, 1, "2024-01-01 00:00:00", "2024-01-03 00:00:00", None),
        (5, 10, 77, 1, 1, 1, 1, 1, "2024-01-01 00:00:00", "2024-01-03 00:00:00", None),
        per_line=2,
    )
    + table("posts", ["id", "content"], (1, "it's (not),a;row"))
    + table("torrents", ["id", "name", "info_hash"], (5, "a', 'film", ONE), (6, "b", TWO))
    + table(
        "users",
        ["id", "username", "passkey", "uploaded", "downloaded", "fl_tokens", "seedbonus", "invites", "created_at",
         "last_action", "deleted_at"],
        (10, "ada", KEYS[0], 10**15 + 1, 333, 4, "12.50", 2, "2020-05-05 10:00:00", "2024-01-05 00:00:00", None),
        (11, "bob b.", KEYS[1], 50, 100, 0, "0.00", 0, "2021-05-05 10:00:00", None, "2023-01-01 00:00:00"),
    )
)  # fmt: skip
GAZELLE = (
    table("torrents", ["ID", "info_hash"], (5, ONE), (6, TWO))
    + table("users_info", ["UserID", "JoinDate", "Inviter"], (10, "2020-05-05 10:00:00", 0), (11, None, 10))
    + table(
        "users_main",
        ["ID", "Username", "torrent_pass", "Uploaded", "Downloaded", "Enabled", "Invites"],
        (10, "ada", KEYS[0], 10**15 + 1, 333, "1", 3),
        (11, "bob", KEYS[1], 50, 100, "2", 0),
    )
    + table("xbt_snatched", ["uid", "tstamp", "fid", "IP", "seedtime"], (10, 1700000000, 5, "", 60),
            (10, 1700000500, 5, "", 60), (11, 1700000000, 6, "", 0))
)  # fmt: skip
ACCOUNTS_CSV = (
    "id,name,passkey,uploaded,downloaded,joined,tokens,points,invites,inviter,enabled\n"
    f"10,ada,{KEYS[0]},1000000000000001,333,2020-05-05 10:00:00,4,12.5,2,,1\n"
    f"11,bob,{KEYS[1]},50,100,1600000000,,,,10,0\n"
)
TRAFFIC_CSV = (
    "account,infohash,uploaded,downloaded,credited_up,credited_down,seeded,begun,seen,completed\n"
    f"10,{ONE.hex()},100,50,200,0,3600,1700000000,1700000900,1700000500\n"
    f"11,{ONE.hex()},50,100,,,60,,1700000900,\n"
)


@pytest.fixture
def paths(tmp_path):
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "accounts.csv").write_text(ACCOUNTS_CSV)
    (folder / "traffic.csv").write_text(TRAFFIC_CSV)
    for name, dump in (("unit3d", UNIT3D), ("gazelle", GAZELLE)):
        (tmp_path / name).write_bytes(dump)
    return {
        SiteForm.CSV: folder,
        SiteForm.UNIT3D: tmp_path / "unit3d",
        SiteForm.GAZELLE: tmp_path / "gazelle",
    }


def opened(tmp_path, mode="private"):
    return open_application(
        Settings.of(data=tmp_path / "data", tracker={"mode": mode}, cache={"min_free_disk": 0})
    )


async def imported(application, form, path, *, dry=False):
    steps = [each async for each in application.site_import.run(form, path, dry=dry)]
    assert steps[-1].done <= await application.site_import.total(path)
    assert [each.done for each in steps] == sorted(each.done for each in steps)
    return steps[-1]


async def sums(application, name):
    user = await application.accounts.accounts.user(name)
    moved = await application.ledger.account(user.id)
    return user, moved


@pytest.mark.parametrize("form", SiteForm)
async def test_accounts_come_in_with_their_passkeys_and_every_total(tmp_path, paths, form):
    async with opened(tmp_path) as application:
        await application.start()
        done = await imported(application, form, paths[form])
        assert (done.made, done.known, done.passkeys) == (2, 0, 2)

        ada, moved = await sums(application, "ada")
        assert (moved.credited_up, moved.credited_down) == (10**15 + 1, 333)
        assert await application.accounts.accounts.passkeys.passkey(ada.id) == KEYS[0]
        store = application.tracker.tracker.store
        assert store.account_of(KEYS[0].encode()) == ada.id

    async with opened(tmp_path) as application:
        await application.start()
        store = application.tracker.tracker.store
        ada, moved = await sums(application, "ada")
        assert store.account_of(KEYS[0].encode()) == ada.id
        assert store.account_of(KEYS[1].encode()) not in (0, ada.id)  # of an account that is disabled
        again = await imported(application, form, paths[form])
        assert (again.made, again.known, again.added) == (0, 2, 0)
        assert (await sums(application, "ada"))[1] == moved


async def test_rows_of_unit3d_keep_what_was_moved_beside_what_counts(tmp_path, paths):
    async with opened(tmp_path) as application:
        done = await imported(application, SiteForm.UNIT3D, paths[SiteForm.UNIT3D])
        assert (done.rows, done.added, done.passed, done.renamed) == (4, 3, 1, 1)
        ada, moved = await sums(application, "ada")
        assert (moved.uploaded, moved.downloaded, moved.seeded, moved.snatched) == (107, 59, 3600, 1)
        assert (moved.tokens, moved.points) == (4, 12_500)
        rows = await application.ledger.store.torrents(ada.id, 0, 9)
        assert {bytes(row.infohash): (row.credited_up, row.credited_down) for row in rows} == {
            ONE: (200, 0),
            TWO: (7, 9),
        }
        (snatch,), _ = await application.ledger.store.snatches(ada.id, 0, 9)
        assert snatch.time == 1704153600
        bob, _ = await sums(application, "member-11")
        assert not bob.enabled
        assert (await application.standings.store.standing(ada.id)).invites == 2


async def test_snatches_of_gazelle_come_each_with_its_time_and_who_invited_whom(tmp_path, paths):
    async with opened(tmp_path) as application:
        await imported(application, SiteForm.GAZELLE, paths[SiteForm.GAZELLE])
        ada, _ = await sums(application, "ada")
        found, total = await application.ledger.store.snatches(ada.id, 0, 9)
        assert (total, {each.time for each in found}) == (2, {1700000000, 1700000500})
        tree = await application.invitations.tree(OPERATOR, ada.id)
        assert [each.name for each in tree] == ["ada", "bob"]


async def test_a_dry_run_reads_everything_and_writes_nothing(tmp_path, paths):
    async with opened(tmp_path) as application:
        for form, path in paths.items():
            done = await imported(application, form, path, dry=True)
            assert (done.made, done.added) == (2, 0)
        assert (await application.accounts.accounts.users("", 0, 9))[1] == 0


async def test_a_name_that_is_taken_is_another_account_and_its_passkey_stays(tmp_path, paths):
    async with opened(tmp_path) as application:
        own = await application.accounts.accounts.add("ada", "a good password")
        await imported(application, SiteForm.CSV, paths[SiteForm.CSV])
        moved, _ = await sums(application, "member-10")
        assert moved.id != own.id
        assert await application.accounts.accounts.passkeys.passkey(moved.id) == KEYS[0]
        new = await application.accounts.accounts.passkeys.reset(moved.id)
        assert new != KEYS[0]


@pytest.mark.parametrize(
    "dump",
    [
        b"INSERT INTO `users` VALUES (1,2);\n",
        b"INSERT INTO users (id) VALUES (1,2);\n",
        b"INSERT INTO users (id,b) VALUES (1);\n",
        b"INSERT INTO users (id) VALUES (1) and more;\n",
        b"INSERT INTO users (id) VALUES ('open\n",
        b"INSERT INTO users (id) VALUES (0x123);\n",
        b"INSERT INTO users (id) VALUES (now());\n",
    ],
)
def test_what_is_no_dump_is_refused(dump):
    with pytest.raises(Refusal) as refused:
        list(read_dump(io.BytesIO(dump), frozenset({"users"})))
    assert refused.value.code == "unreadable"


VALUES = st.none() | st.integers(0, 2**64) | st.binary(max_size=30)


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8), st.integers(1, 3))
def test_whatever_mysqldump_quotes_is_read_as_it_was(rows, per_line):
    dump = table("posts", ["id"], (1,)) + table("users", ["a", "b"], *rows, per_line=per_line)
    found = list(read_dump(io.BytesIO(dump), frozenset({"users"})))
    expected = [tuple(b"%d" % value if isinstance(value, int) else value for value in row) for row in rows]
    assert [tuple(row.values.values()) for row in found] == expected
    assert found[-1].position <= len(dump)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("accounts.csv", "name\nada\n"),
        ("accounts.csv", "id,name\n1\n"),
        ("accounts.csv", "id,name,uploaded\n1,ada,many\n"),
        ("accounts.csv", "id,name,uploaded\n1,ada,99999999999999999999\n"),
        ("accounts.csv", "id,name,joined\n1,ada,yesterday\n"),
        ("accounts.csv", "id,name\n1,ada\n1,bob\n"),
        ("traffic.csv", "account,infohash\n10,zed\n"),
    ],
)
async def test_what_is_no_table_is_refused(tmp_path, paths, name, text):
    (paths[SiteForm.CSV] / name).write_text(text)
    async with opened(tmp_path) as application:
        with pytest.raises(Refusal) as refused:
            await imported(application, SiteForm.CSV, paths[SiteForm.CSV])
        assert refused.value.code == "unreadable"


async def test_an_import_that_ended_halfway_goes_on_and_totals_are_right_at_every_moment(tmp_path, paths):
    async with opened(tmp_path) as application:
        steps = application.site_import.run(SiteForm.UNIT3D, paths[SiteForm.UNIT3D], dry=False)
        await anext(steps)
        await steps.aclose()
        _, moved = await sums(application, "ada")
        assert (moved.credited_up, moved.credited_down, moved.uploaded) == (10**15 + 1, 333, 0)

        done = await imported(application, SiteForm.UNIT3D, paths[SiteForm.UNIT3D])

        assert (done.made, done.known, done.added) == (0, 2, 3)
        _, moved = await sums(application, "ada")
        assert (moved.credited_up, moved.credited_down, moved.uploaded) == (10**15 + 1, 333, 107)


async def test_a_row_that_comes_twice_counts_once(tmp_path, paths):
    path = paths[SiteForm.CSV] / "traffic.csv"
    path.write_text(TRAFFIC_CSV + TRAFFIC_CSV.splitlines()[1] + "\n")
    async with opened(tmp_path) as application:
        assert (await imported(application, SiteForm.CSV, paths[SiteForm.CSV])).added == 2
        _, moved = await sums(application, "ada")
        assert (moved.credited_up, moved.uploaded, moved.snatched) == (10**15 + 1, 100, 1)

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from actions.catalogue_dump import CatalogueDump
from actions.catalogue_dump_import import CatalogueDumpImport, split_dumps
from actions.catalogue_dump_lines import DUMP_FILE_NAME, HEADER, LINE_FIELDS, LONGEST_LINE, write_line
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.fields import AuthorChange, CollageChange, GroupChange
from catalogue.model import BookmarkKind
from catalogue.store import UNRESTRICTED_VIEWER
from storage.accounts import SqlAccounts
from storage.schema import PEERAGE
from tests.support.catalogue import NOW, CatalogueSetup, hash_of
from tests.support.databases import open_database
from tests.support.tasks import begun_for


class Blocked:
    """A list of blocked torrents."""

    def __init__(self, *infohashes):
        self.infohashes = set(infohashes)

    @asynccontextmanager
    async def entering(self, infohashes):
        if self.infohashes.intersection(infohashes):
            raise Refusal("blocked", "notice 1")
        yield


class Service:
    """A library, its accounts, and what writes and reads them."""

    def __init__(self, database, blocked):
        self.library = CatalogueSetup(database)
        self.accounts = SqlAccounts(database)
        self.store = self.library.store
        self.catalogue_dump = CatalogueDump(self.store, self.accounts)
        self.dump_import = CatalogueDumpImport(
            self.library.catalogue, self.accounts, blocked, self.library.clock
        )

    async def write(self, folder):
        await self.catalogue_dump.write(folder)
        return [json.loads(line) for line in (folder / DUMP_FILE_NAME).read_bytes().splitlines()]

    async def read(self, path):
        return [line async for line in self.dump_import.read(path)]


@asynccontextmanager
async def open_pair(folder, *blocked):
    """Open two services, the first filled and the second empty."""
    async with AsyncExitStack() as stack:
        opened = []
        for name in ("old", "new"):
            database = await open_database(folder / f"{name}.db", PEERAGE, "NORMAL")
            stack.push_async_callback(database.close)
            opened.append(Service(database, Blocked(*blocked)))
        await fill(opened[0])
        yield tuple(opened)


async def fill(service):
    library, catalogue = service.library, service.library.catalogue
    for number, name in ((1, "Alice"), (2, "bob"), (3, "carol")):
        await library.account(number, name)
    own = await catalogue.taxonomy.add_category("Maps", 5, 12)
    one, _ = await library.enter(
        "one", 1, title="First \u2603 \u202b\u05d0"[:8], tags=["a.b", "c"], authors=["Zo\u00eb", "Al"]
    )
    two, _ = await library.enter(
        "two", 2, group_id=one.group.id, anonymous=True, platform="Linux", freeleech=1
    )
    library.clock.now += 10
    hybrid = InfoHash(b"\7" * 20)
    three, _ = await library.enter("three", None, alias=hybrid)
    known, _ = await library.enter("four", None, held=False)
    await catalogue.groups.edit(
        one.group.id,
        GroupChange.read(
            {
                "category_id": own.id,
                "year": 1999,
                "imdb": 123,
                "description": "It's\n\n[b]bold[/b]",
                "season": 0,
            }
        ),
    )
    await catalogue.taxonomy.edit_author(
        (await catalogue.store.authors.author("zo\u00eb")).id,
        AuthorChange.read({"description": "writes", "picture": "https://x.example/a.png"}),
    )
    await catalogue.groups.lock(three.group.id, locked=True)
    await catalogue.torrents.mark(two.id, hidden=True, locked=True)
    await catalogue.taxonomy.alias_tag("sea", "c")
    said = await catalogue.comments.add(one.group.id, 2, "first")
    again = await catalogue.comments.add(one.group.id, 2, "second in the same second")
    library.clock.now += 5
    await catalogue.comments.edit(said.id, "first, edited", 1)
    await catalogue.comments.hide(again.id, hidden=True)
    await catalogue.comments.add(known.group.id, 3, "another")
    first = await catalogue.collages.add(
        CollageChange.read({"name": "Best", "kind": 1, "description": "of all"}), 1
    )
    other = await catalogue.collages.add(
        CollageChange.read({"name": "Worst", "hidden": True, "locked": True}), 2
    )
    for collage, group in ((first, three), (first, one), (other, known)):
        await catalogue.collages.add_group(collage.id, group.group.id, 3)
    for kind, target in (
        (BookmarkKind.TORRENT, three.id),
        (BookmarkKind.GROUP, one.group.id),
        (BookmarkKind.AUTHOR, (await catalogue.store.authors.author("al")).id),
        (BookmarkKind.COLLAGE, other.id),
    ):
        await catalogue.collages.bookmark(3, kind, target, on=True)
    library.clock.now += 1
    await catalogue.collages.bookmark(3, BookmarkKind.TORRENT, one.id, on=True)
    await catalogue.comments.post_news("News", "of old", 1)
    library.clock.now += 1
    await catalogue.comments.post_news("News", "of now", 1)


async def test_what_one_service_writes_another_reads_and_writes_again(tmp_path):
    async with open_pair(tmp_path) as (old, new):
        dumped = await old.write(tmp_path / "out")
        outcomes = await new.read(tmp_path / "out" / DUMP_FILE_NAME)
        assert {line.outcome for line in outcomes} <= {"new", "changed"}
        assert outcomes[-1].done == (tmp_path / "out" / DUMP_FILE_NAME).stat().st_size
        assert await new.write(tmp_path / "again") == dumped
        assert dumped[0] == dict(HEADER)
        assert {line["kind"] for line in dumped[1:]} == set(LINE_FIELDS)
        assert await new.library.wrong_tag_counts() == {}


async def test_a_second_reading_changes_nothing(tmp_path):
    async with open_pair(tmp_path) as (old, new):
        await old.write(tmp_path / "out")
        await new.read(tmp_path / "out" / DUMP_FILE_NAME)
        before = await rows_of(new.library.database)
        new.library.index.refreshed.clear()
        for service in (new, old):
            outcomes = await service.read(tmp_path / "out" / DUMP_FILE_NAME)
            assert {line.outcome for line in outcomes} == {"same"}
        assert await rows_of(new.library.database) == before
        assert new.library.index.refreshed == []


async def rows_of(database):
    names = [
        name
        for (name,) in await database.rows(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'search%'"
        )
    ]
    return {name: await database.rows(f"SELECT * FROM {name}") for name in names if name.isidentifier()}


async def test_accounts_come_without_proofs_and_cannot_be_entered(tmp_path):
    async with open_pair(tmp_path) as (old, new):
        await old.accounts.set_password(1, "kept")
        await old.write(tmp_path / "out")
        assert b"kept" not in (tmp_path / "out" / DUMP_FILE_NAME).read_bytes()
        await new.read(tmp_path / "out" / DUMP_FILE_NAME)
        query = "SELECT name, password, role, enabled FROM account ORDER BY name"
        assert await new.library.database.rows(query) == [
            (name, None, "user", 0) for name in ("Alice", "bob", "carol")
        ]


async def test_an_account_that_exists_is_left_as_it_is(tmp_path):
    async with open_pair(tmp_path) as (old, new):
        await old.write(tmp_path / "out")
        await new.library.account(9, "ALICE", "admin")
        await new.read(tmp_path / "out" / DUMP_FILE_NAME)
        query = "SELECT name, role, enabled FROM account WHERE folded = 'alice'"
        assert await new.library.database.rows(query) == [("ALICE", "admin", 1)]
        torrent = await new.library.catalogue.store.torrents.torrent(hash_of("one"), UNRESTRICTED_VIEWER)
        assert torrent.uploader.id == 9


async def test_what_is_blocked_does_not_come_back_and_the_rest_of_its_group_does(tmp_path):
    async with open_pair(tmp_path, hash_of("one")) as (old, new):
        await old.write(tmp_path / "out")
        outcomes = await new.read(tmp_path / "out" / DUMP_FILE_NAME)
        assert Counter(line.outcome for line in outcomes)["blocked"] == 1
        assert await new.library.catalogue.store.torrents.torrent(hash_of("one"), UNRESTRICTED_VIEWER) is None
        two = await new.library.catalogue.store.torrents.torrent(hash_of("two"), UNRESTRICTED_VIEWER)
        assert (two.group.year, [author.name for author in two.group.authors]) == (1999, ["Zo\u00eb", "Al"])
        assert (
            len(
                (
                    await new.library.catalogue.store.comments.comments(
                        two.group.id, 0, 9, UNRESTRICTED_VIEWER
                    )
                ).items
            )
            == 2
        )
        before = await rows_of(new.library.database)
        assert {line.outcome for line in await new.read(tmp_path / "out" / DUMP_FILE_NAME)} == {
            "same",
            "blocked",
        }
        assert await rows_of(new.library.database) == before


async def test_what_the_file_says_is_laid_over_what_was_read_from_names(tmp_path):
    async with open_pair(tmp_path) as (old, new):
        await old.write(tmp_path / "out")
        for name in ("one", "two", "three"):
            await new.library.enter(name)
        await new.read(tmp_path / "out" / DUMP_FILE_NAME)
        one = await new.library.catalogue.store.torrents.torrent(hash_of("one"), UNRESTRICTED_VIEWER)
        two = await new.library.catalogue.store.torrents.torrent(hash_of("two"), UNRESTRICTED_VIEWER)
        assert one.group == two.group
        assert (one.held, one.uploader.name, two.hidden, two.freeleech) == (True, "Alice", True, 1)
        assert len((await new.library.catalogue.store.torrents.contents(one.id)).files) == 2
        assert await new.write(tmp_path / "again") == await old.write(tmp_path / "out")


GOOD = {"kind": "account", "name": "dave", "joined": NOW}
NEWS = {"kind": "news", "title": "T", "body": "B", "author": "dave", "added": NOW}
BAD = [
    (b"", "unreadable"),
    (b"no json", "unreadable"),
    (b"[]", "unreadable"),
    (b"[" * 100_000, "unreadable"),
    (b'{"kind":' + b"9" * 10_000 + b"}", "unreadable"),
    (b'{"kind":"account","name":"\xff"}', "unreadable"),
    (b'{"kind":{"a":[]}}', "invalid"),
    (b"{}", "invalid"),
    (b'{"kind":"unknown"}', "invalid"),
    (b'{"kind":"account","name":"dave"}', "invalid"),
    (write_line({**GOOD, "password": "x"}).strip(), "invalid"),
    (write_line({**GOOD, "name": "../../etc"}).strip(), "invalid"),
    (write_line({**GOOD, "name": 7}).strip(), "invalid"),
    (write_line({**GOOD, "joined": True}).strip(), "invalid"),
    (write_line({**GOOD, "joined": 2**70}).strip(), "invalid"),
    (write_line({**GOOD, "joined": -1}).strip(), "invalid"),
    (write_line({**NEWS, "author": "nobody"}).strip(), "not-found"),
    (write_line({**NEWS, "title": "\u202eT"}).strip(), "invalid"),
    (b'{"kind":"news","title":"\\ud800","body":"B","author":"dave","added":1}', "invalid"),
    (b'{"kind":"news","title":"\\u0000","body":"B","author":"dave","added":1}', "invalid"),
    (b'{"kind":"bookmarks-collage","account":"dave","targets":[["dave",null,"x"]]}', "invalid"),
    (b'{"kind":"bookmarks-torrent","account":"dave","targets":[[]]}', "invalid"),
    (
        b'{"kind":"bookmarks-torrent","account":"dave","targets":'
        + json.dumps(["00" * 20] * 501).encode()
        + b"}",
        "invalid",
    ),
    (write_line({**NEWS, "body": "x" * LONGEST_LINE}).strip(), "too-large"),
    (b'{"kind":"category","number":3,"name":"Mine","parent_id":1}', "invalid"),
    (b'{"kind":"author","name":"x","picture":"javascript:alert(1)","description":""}', "invalid"),
]


@pytest.mark.parametrize(("line", "code"), BAD, ids=range(len(BAD)))
async def test_a_bad_line_is_reported_and_passed_over(tmp_path, line, code):
    path = tmp_path / DUMP_FILE_NAME
    path.write_bytes(write_line(dict(HEADER)) + write_line(GOOD) + line + b"\n" + write_line(NEWS))

    async with open_pair(tmp_path) as (_old, new):
        first, bad, last = await new.read(path)
        assert (first.outcome, bad.outcome, last.outcome) == ("new", code, "new")
        assert bad.name == f"{path} line 3"
        assert await new.library.count("news") == 1


async def test_a_name_that_a_torrent_gives_itself_comes_as_it_is(tmp_path):
    async with open_pair(tmp_path) as (old, new):
        await old.library.database.rows("SELECT 1")
        async with old.library.database.transaction() as transaction:
            await transaction.run(
                "UPDATE torrent SET name = ?, root = ? WHERE id = 1", ("\u202eevil\n\0", "\x1b[")
            )
        dumped = await old.write(tmp_path / "out")
        await new.read(tmp_path / "out" / DUMP_FILE_NAME)
        assert await new.write(tmp_path / "again") == dumped


@pytest.mark.parametrize(
    "content", [b"", b"\n", write_line({**HEADER, "version": 2}), write_line(GOOD), b"x" * (LONGEST_LINE + 5)]
)
async def test_another_file_is_refused_at_its_first_line(tmp_path, content):
    (tmp_path / DUMP_FILE_NAME).write_bytes(content + write_line(GOOD))

    async with open_pair(tmp_path) as (_old, new):
        (only,) = await new.read(tmp_path / DUMP_FILE_NAME)
        assert only.outcome == "unreadable"
        assert await new.library.count("account") == 0
        (absent,) = await new.read(tmp_path / "absent.jsonl")
        assert absent.outcome == "unreadable"


async def test_the_file_is_for_its_owner_alone_and_appears_whole(tmp_path):
    async with open_pair(tmp_path) as (old, _new):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / DUMP_FILE_NAME).write_bytes(b"before")
        await old.write(tmp_path / "out")
        assert (tmp_path / "out" / DUMP_FILE_NAME).stat().st_mode & 0o777 == 0o600
        before = (tmp_path / "out" / DUMP_FILE_NAME).read_bytes()
        for turns in range(1, 20, 3):
            writing = await begun_for(old.write(tmp_path / "out"), turns)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            assert (tmp_path / "out" / DUMP_FILE_NAME).read_bytes() == before
            assert [path.name for path in (tmp_path / "out").iterdir()] == [DUMP_FILE_NAME]


def test_a_catalogue_is_found_in_a_folder_or_by_its_name(tmp_path):
    (tmp_path / DUMP_FILE_NAME).write_bytes(b"")
    (tmp_path / "mine.jsonl").write_bytes(b"")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / DUMP_FILE_NAME).symlink_to(tmp_path / DUMP_FILE_NAME)
    torrent = tmp_path / "a.torrent"
    assert split_dumps([tmp_path, tmp_path / "mine.jsonl", tmp_path / "link", torrent]) == (
        [tmp_path / "mine.jsonl", tmp_path / DUMP_FILE_NAME],
        [tmp_path, tmp_path / "link", torrent],
    )

"""Contract of every store of download jobs."""

from dataclasses import replace

import pytest

from bittorrent.infohash import InfoHash
from downloads.model import ContentFile, ContentKey, SeedPolicy
from downloads.store import ContentMetadata, ContentRow, JobRow
from storage.database import ConstraintViolated
from storage.jobs import SqlJobs

HASH, OTHER = InfoHash(b"\x01" * 20), InfoHash(b"\x02" * 20)
CONTENT = ContentRow(0, ContentKey(HASH), None, "name \u00e9", 2**40, False, False, 100)
JOB = JobRow(0, 1, 0, "", SeedPolicy.DEFAULT, False, 3, False, False, 100, 100)
FILES = (ContentFile(0, "root/a.mkv", 10), ContentFile(1, "root/\u00e9.srt", 0))
METADATA = ContentMetadata(b"d4:infodee", FILES)


@pytest.fixture
def jobs(database):
    return SqlJobs(database)


async def everything(pages):
    return [row async for page in pages for row in page]


async def test_job_and_content_come_back_equal(jobs):
    whole = replace(
        CONTENT, v2=InfoHash(b"\x09" * 32), known=True, begun=True, complete=True, rested=True, downloaded=1
    )
    whole = replace(whole, uploaded=2**62, finished=7)
    content, job = await jobs.add(whole, METADATA, JOB, "magnet:?xt=1")
    assert await everything(jobs.contents()) == [replace(whole, id=content)]
    assert await everything(jobs.jobs()) == [replace(JOB, id=job, content=content)]
    assert await jobs.files([content, 999]) == {content: FILES}
    assert await jobs.torrent(content) == METADATA.torrent
    assert await jobs.magnets([job, 999]) == {job: "magnet:?xt=1"}


async def test_content_without_metadata_has_no_files_until_it_is_set(jobs):
    content, _ = await jobs.add(CONTENT, None, JOB, "")
    assert await jobs.files([content]) == {content: ()}
    assert await jobs.torrent(content) is None
    known = replace(CONTENT, id=content, known=True, size=10)
    await jobs.set_metadata(known, METADATA)
    assert await everything(jobs.contents()) == [known]
    assert await jobs.files([content]) == {content: FILES}


async def test_a_second_job_joins_content_and_an_account_has_one_of_each(jobs):
    content, first = await jobs.add(CONTENT, METADATA, JOB, "")
    joined = replace(CONTENT, id=content)
    again, second = await jobs.add(joined, None, replace(JOB, account=2), "")
    assert (again, second > first) == (content, True)
    with pytest.raises(ConstraintViolated):
        await jobs.add(joined, None, JOB, "")
    assert len(await everything(jobs.jobs())) == 2


async def test_shared_content_is_one_of_its_hash_and_private_content_one_of_each_account(jobs):
    await jobs.add(CONTENT, None, JOB, "")
    with pytest.raises(ConstraintViolated):
        await jobs.add(CONTENT, None, replace(JOB, account=2), "")
    for account in (1, 2):
        private = replace(CONTENT, key=ContentKey(HASH, account), private=True)
        await jobs.add(private, None, replace(JOB, account=account), "")
    assert [each.key.account for each in await everything(jobs.contents())] == [None, 1, 2]


async def test_rows_are_saved_by_id_and_their_files_stay(jobs):
    content, job = await jobs.add(CONTENT, METADATA, JOB, "m")
    changed = replace(CONTENT, id=content, complete=True, downloaded=5, finished=200)
    moved = replace(JOB, id=job, content=content, queued=0, paused=True, updated=200, seed=SeedPolicy.STOP)
    await jobs.save([changed], [moved])
    await jobs.save([], [])
    assert await everything(jobs.contents()) == [changed]
    assert await everything(jobs.jobs()) == [moved]
    assert await jobs.files([content]) == {content: FILES}
    assert await jobs.magnets([job]) == {job: "m"}


async def test_a_job_is_split_off_with_content_of_its_own(jobs):
    content, job = await jobs.add(CONTENT, METADATA, JOB, "")
    private = replace(CONTENT, key=ContentKey(HASH, 1), private=True)
    own = await jobs.split(job, private, METADATA)
    assert await everything(jobs.contents()) == [replace(CONTENT, id=content), replace(private, id=own)]
    assert [each.content for each in await everything(jobs.jobs())] == [own]


async def test_merging_moves_jobs_but_those_of_accounts_that_have_one_there(jobs):
    target, _ = await jobs.add(replace(CONTENT, key=ContentKey(OTHER)), None, JOB, "")
    source, _ = await jobs.add(CONTENT, None, JOB, "")
    await jobs.add(replace(CONTENT, id=source), None, replace(JOB, account=2), "")
    await jobs.merge(source, target)
    assert [each.id for each in await everything(jobs.contents())] == [target]
    assert [(each.account, each.content) for each in await everything(jobs.jobs())] == [
        (1, target),
        (2, target),
    ]


async def test_removed_jobs_and_content_are_gone(jobs):
    content, job = await jobs.add(CONTENT, METADATA, JOB, "")
    _, other = await jobs.add(replace(CONTENT, id=content), None, replace(JOB, account=2), "")
    await jobs.remove([job], None)
    assert [each.id for each in await everything(jobs.jobs())] == [other]
    await jobs.remove([other], content)
    assert await everything(jobs.contents()) == []
    # An id is given once.
    assert (await jobs.add(CONTENT, None, JOB, ""))[0] > content


async def test_all_rows_are_read_in_batches_by_id(jobs):
    for number in range(1, 1051):
        key = ContentKey(InfoHash(number.to_bytes(20, "big")))
        await jobs.add(replace(CONTENT, key=key), None, JOB, "")
    batches = [batch async for batch in jobs.contents()]
    assert len(batches) > 1
    ids = [row.id for batch in batches for row in batch]
    assert ids == sorted(ids)
    assert len(ids) == 1050

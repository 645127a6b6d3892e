"""The service over a bucket that speaks S3: what was answered is there, and copies serve while the bucket is away."""

import shutil

import pytest

from tests.clients.buckets.server import BUCKET, SERVERS
from tests.support import raw_torrents
from tests.support.clients import ask, multipart
from tests.support.processes import peerage_processes, wait_until

pytestmark = pytest.mark.clients


@pytest.fixture(params=SERVERS)
def bucket(request, tmp_path, monkeypatch):
    """A server with an empty bucket, which services that are started now are told of."""
    (tmp_path / "s3").mkdir()
    server = SERVERS[request.param](tmp_path / "s3")
    server.start()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield server
    server.kill()


@pytest.fixture
def start(bucket, tmp_path):
    with peerage_processes(tmp_path) as starting:
        yield lambda **settings: starting(blobs=f"s3://{BUCKET}/some/prefix", **settings)


def send(service, data):
    """The status of an upload by the form; autoupload answers 200 whatever became of it."""
    body, content_type = multipart(data)
    return ask(service.port, "/upload.php", "POST", body, Content_Type=content_type).status


def fetched(service, data):
    return ask(service.port, f"/torrent/{raw_torrents.infohash(data).hex().upper()}.torrent")


def test_what_was_uploaded_is_in_the_bucket_and_served_from_it(start, bucket):
    service = start()
    first, second = (raw_torrents.torrent() for _ in range(2))
    assert [send(service, each) for each in (first, second)] == [200, 200]
    assert [fetched(service, each).body for each in (first, second)] == [first, second]
    assert not list((service.data / "torrents").rglob("*.torrent.gz"))

    service.kill()
    shutil.rmtree(service.data / "copies")
    service.restart()
    assert [fetched(service, each).body for each in (first, second)] == [first, second]
    assert len(list((service.data / "copies").rglob("*.torrent.gz"))) == 2
    checked = service.run("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_copies_are_served_while_the_bucket_is_away_and_the_rest_is_a_503(start, bucket):
    service = start()
    kept, alone = (raw_torrents.torrent() for _ in range(2))
    assert [send(service, each) for each in (kept, alone)] == [200, 200]
    copies = {path.name for path in (service.data / "copies").rglob("*.torrent.gz")}
    name = raw_torrents.infohash(alone).hex().upper()
    path = service.data / "copies" / name[:2] / name[2:4] / f"{name[4:]}.torrent.gz"
    assert path.name in copies
    path.unlink()

    bucket.kill()
    assert fetched(service, kept).body == kept
    answer = fetched(service, alone)
    assert (answer.status, "retry-after" in answer.headers) == (503, True)
    later = raw_torrents.torrent()
    assert send(service, later) == 503
    assert ask(service.port, "/livez").status == 200

    bucket.start()
    wait_until(lambda: send(service, later) == 200, "uploads are taken again")
    assert fetched(service, later).body == later


def test_a_blocked_torrent_leaves_bucket_and_copies(start, bucket):
    service = start()
    data = raw_torrents.torrent()
    assert send(service, data) == 200
    infohash = raw_torrents.infohash(data).hex()
    done = service.run("block", infohash, "--reason", "asked to")
    assert done.returncode == 0, done.stderr
    assert fetched(service, data).status == 404
    assert not list((service.data / "copies").rglob("*.torrent.gz"))
    copied = bucket.folder / "buckets" / BUCKET
    assert not list(copied.rglob("*.torrent.gz"))


def test_a_folder_that_holds_files_is_not_left_for_a_bucket(start, bucket, tmp_path):
    with peerage_processes(tmp_path / "before") as starting:
        (tmp_path / "before").mkdir()
        before = starting()
        data = raw_torrents.torrent()
        assert send(before, data) == 200
        assert before.stop() == 0
        before.settings = {**before.settings, "blobs": f"s3://{BUCKET}"}
        assert before.launch().wait(30) == 1
        assert "holds files" in before.output
        assert "Traceback" not in before.output


def test_a_backup_says_that_the_files_are_in_the_bucket(start, bucket, tmp_path):
    service = start()
    data = raw_torrents.torrent()
    assert send(service, data) == 200
    done = service.run("backup", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"s3://{BUCKET}/some/prefix" in done.stdout
    service.stop()
    shutil.rmtree(service.data)
    service.data.mkdir(mode=0o700)
    done = service.run("restore", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stdout + done.stderr
    service.restart()
    assert fetched(service, data).body == data

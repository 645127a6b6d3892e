import asyncio
import json
import os
import socket
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import pytest_asyncio
from starlette.requests import Request

from accounts.model import NOBODY, Principal
from accounts.rights import Rights
from actions.cache_room import RoomState, RoomTerms, WhenFull
from actions.diagnosis import Diagnosis, Finding, Grade
from bittorrent.refusal import Refusal
from cache.quota import CacheFill
from doors.arrivals import Arrivals
from doors.client_address import ClientAddress
from doors.udp import RECEIVE_BUFFER
from peerage import memory_bounds
from peerage.config import Settings
from peerage.diagnosis import system
from peerage.diagnosis.databases import examine_backup, examine_databases
from peerage.diagnosis.examination import CHECKS, examine
from peerage.diagnosis.examined import Examined, RunningService
from peerage.diagnosis.folder import (
    examine_cache,
    examine_clock,
    examine_file_system,
    examine_folder,
    examine_room,
)
from peerage.diagnosis.mail import examine_mail
from peerage.diagnosis.network import examine_ports, examine_public_url
from peerage.diagnosis.settings import examine_programs, examine_settings
from peerage.memory_bounds import memory_needed
from peerage.setting_values import ListenAddress
from peerage.wiring.application import open_application
from storage.data_folder import DataFolder
from storage.maintenance import MaintenanceEntry, MaintenanceLog
from tests.support.clock import Clock
from tests.support.mail_servers import SETTINGS, mail_server
from tracker.day_counters import MEMORY

NOW = 1_800_000_000
DAY = 86_400


def examined(
    data,
    *,
    system_files=None,
    root=None,
    service=None,
    thorough=True,
    now=NOW,
    timer=time.perf_counter,
    **settings,
):
    """An installation whose /proc and /sys are files of a test."""
    for name, text in (system_files or {}).items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    given = {"cache": {"min_free_disk": 0}, "downloads": {"enabled": False}, **settings}
    return Examined(
        settings=Settings.of(data=data, **given),
        now=now,
        service=service,
        thorough=thorough,
        system=root or data,
        patience=2.0,
        timer=timer,
    )


def graded(findings):
    return {(each.subject, each.grade.value) for each in findings}


def one(findings):
    (found,) = findings
    return found


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(0o700)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory):
    """A data folder as the service makes it, which nobody changes."""
    data = tmp_path_factory.mktemp("made") / "data"
    async with open_application(Settings.of(data=data), started=False):
        pass
    return data


def test_every_finding_that_is_wrong_says_what_to_do(made, tmp_path):
    everywhere = Settings.of(
        data=made, listen=["0.0.0.0:0"], trusted_proxies=["0.0.0.0/0"], metrics={"open": True}
    )
    found = examine(Examined(settings=everywhere, now=0, system=tmp_path))
    assert {each.subject for each in found} >= {"settings", "data folder", "databases", "backup", "ports"}
    assert [each for each in found if each.is_wrong and not each.remedy] == []
    assert len(CHECKS) > 12


def test_a_check_that_may_not_look_is_a_finding(data, monkeypatch):
    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "statvfs", closed)
    found = [each for each in examine(examined(data)) if each.subject == "space"]
    assert one(found).grade is Grade.WARNING
    assert "Permission denied" in one(found).text


def test_unsafe_settings_are_named_with_what_to_do(data):
    found = list(examine_settings(examined(data, listen=["0.0.0.0:6969"], metrics={"open": True})))
    assert {each.grade for each in found} == {Grade.WARNING}
    assert "Name networks in metrics.networks instead." in [each.remedy for each in found]
    assert graded(examine_settings(examined(data))) == {("settings", "good")}


def test_an_engine_that_is_asked_for_and_missing_is_a_problem(data, monkeypatch):
    monkeypatch.setattr("peerage.diagnosis.settings.find_spec", lambda name: None)
    assert ("engine", "problem") in graded(examine_programs(examined(data, downloads={"enabled": True})))
    assert "engine" not in {each.subject for each in examine_programs(examined(data))}


@pytest.mark.parametrize(("store", "grade"), [("auto", "warning"), ("native", "problem")])
def test_an_extension_that_is_missing_is_as_grave_as_it_is_asked_for(data, monkeypatch, store, grade):
    def missing(name):
        raise ImportError("libfoo.so.1: cannot open")

    monkeypatch.setattr("peerage.diagnosis.settings.import_module", missing)
    found = next(iter(examine_programs(examined(data, tracker={"store": store}))))
    assert (found.subject, found.grade.value) == ("extension", grade)
    assert "libfoo" in found.text


def test_a_folder_that_others_may_read_is_told(data):
    assert graded(examine_folder(examined(data))) == {("data folder", "good")}
    (data / "peerage.db").touch()
    (data / "peerage.db").chmod(0o644)
    data.chmod(0o755)
    found = one(examine_folder(examined(data)))
    assert found.grade is Grade.WARNING
    assert "data, peerage.db" in found.text


def test_a_folder_that_is_not_there_and_an_interrupted_restore(tmp_path, data):
    assert one(examine_folder(examined(tmp_path / "none"))).grade is Grade.PROBLEM
    (data / ".restore").mkdir()
    assert ("data folder", "problem") in graded(examine_folder(examined(data)))


@pytest.mark.parametrize(("floor", "grade"), [(0, None), (2**50, "problem")])
def test_room_is_judged_by_the_floor(data, floor, grade):
    found = next(iter(examine_room(examined(data, cache={"min_free_disk": floor}))))
    assert grade is None or found.grade.value == grade


@pytest.mark.parametrize(
    ("mount", "grade", "said"),
    [
        ("tmpfs / tmpfs rw 0 0", "problem", "in memory"),
        ("server:/x / nfs4 rw 0 0", "problem", "shared"),
        ("/dev/sda / ext4 rw,nobarrier 0 0", "problem", "nobarrier"),
    ],
)
def test_file_systems_that_keep_nothing_are_problems(data, tmp_path, mount, grade, said):
    found = one(examine_file_system(examined(data, root=tmp_path, system_files={"proc/self/mounts": mount})))
    assert found.grade.value == grade
    assert said in found.text


@pytest.mark.parametrize(("sync", "grade"), [(1e-6, "warning"), (0.002, "good"), (0.3, "warning")])
def test_syncs_that_are_too_fast_or_too_slow_are_told(data, tmp_path, monkeypatch, sync, grade):
    timer = Clock(0.0)

    def take_time(file):
        timer.now += sync

    monkeypatch.setattr("peerage.diagnosis.folder.os.fdatasync", take_time)
    mounts = {"proc/self/mounts": "/dev/sda / ext4 rw 0 0\nproc /proc proc rw 0 0\n"}
    found = one(examine_file_system(examined(data, root=tmp_path, system_files=mounts, timer=timer)))
    assert found.grade.value == grade
    assert "ext4" in found.text
    assert list(data.iterdir()) == []


@pytest.mark.parametrize(("in_step", "grade"), [(True, "good"), (False, "warning"), (None, "note")])
def test_the_clock_is_asked_of_the_kernel(data, monkeypatch, in_step, grade):
    monkeypatch.setattr("peerage.diagnosis.clock.clock_in_step", lambda: in_step)
    assert graded(examine_clock(examined(data))) == {("clock", grade)}


def test_a_clock_that_went_back_is_told(data):
    (data / "lock").touch()
    assert graded(examine_clock(examined(data, now=1000))) == {("clock", "problem")}


def test_sound_databases_are_good_and_damaged_ones_are_not(made, tmp_path):
    found = list(examine_databases(examined(made)))
    assert {each.grade for each in found} == {Grade.GOOD}
    assert all("was read whole" in each.text for each in found)
    broken = tmp_path / "broken"
    broken.mkdir()
    whole = (made / "peerage.db").read_bytes()
    (broken / "peerage.db").write_bytes(whole[:8192] + bytes(4096) + whole[12288:])
    found = [each for each in examine_databases(examined(broken)) if each.grade is Grade.PROBLEM]
    assert "restore" in one(found).remedy


@pytest.mark.parametrize(("revision", "grade"), [("0001", "note"), ("9999", "problem")])
def test_databases_of_other_versions(data, revision, grade):
    with closing(sqlite3.connect(data / "swarms.db")) as file:
        file.execute("CREATE TABLE alembic_version (version_num TEXT)")
        file.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        file.commit()
    found = [each for each in examine_databases(examined(data)) if "swarms.db" in each.text]
    assert one(found).grade.value == grade


@pytest.mark.parametrize(
    ("entries", "grades"),
    [
        ([], {"warning"}),
        ([(NOW - 3600, True)], {"note"}),  # on the same disk
        ([(NOW - 9 * DAY, True)], {"warning"}),
        ([(NOW - 9 * DAY, True), (NOW - 60, False)], {"warning"}),
        ([(NOW - 3600, True), (NOW - 60, False)], {"note", "warning"}),
    ],
)
def test_the_age_of_the_backup(data, tmp_path, entries, grades):
    (data / "peerage.db").touch(0o600)
    log = MaintenanceLog(DataFolder(data).maintenance)
    for when, well in entries:
        log.append(MaintenanceEntry(when, "backup", 1.0, well, {"folder": str(tmp_path)}))
    assert {each.grade.value for each in examine_backup(examined(data))} == grades


def test_the_buffer_that_is_judged_is_the_one_that_is_asked_for():
    assert system.RECEIVE_BUFFER == RECEIVE_BUFFER


@pytest.mark.parametrize(
    ("files", "grade"),
    [
        ({"proc/meminfo": "MemTotal: 4000000 kB\n"}, "good"),
        ({"proc/meminfo": "MemTotal: 500000 kB\n"}, "warning"),
        ({"proc/meminfo": "MemTotal: 4000000 kB\n", "sys/fs/cgroup/memory.max": "419430400\n"}, "warning"),
        ({"proc/meminfo": "MemTotal: 4000000 kB\n", "sys/fs/cgroup/memory.max": "max\n"}, "good"),
        (
            {
                "proc/meminfo": "MemTotal: 4000000 kB\n",
                "proc/self/cgroup": "0::/system.slice/peerage.service\n",
                "sys/fs/cgroup/system.slice/peerage.service/memory.max": "419430400\n",
            },
            "warning",
        ),
        ({}, None),
    ],
)
def test_memory_is_what_the_machine_has_or_the_group_may(data, tmp_path, files, grade):
    service = RunningService((), arrivals())
    found = list(system.examine_memory(examined(data, root=tmp_path, system_files=files, service=service)))
    assert [each.grade.value for each in found] == ([] if grade is None else [grade])


def test_the_group_of_a_shell_is_not_that_of_the_service(data, tmp_path):
    files = {
        "proc/meminfo": "MemTotal: 4000000 kB\n",
        "proc/self/cgroup": "0::/user.slice\n",
        "sys/fs/cgroup/user.slice/memory.max": "419430400\n",
    }
    found = one(system.examine_memory(examined(data, root=tmp_path, system_files=files)))
    assert found.grade.value == "good"


def test_lower_limits_need_less_memory(data):
    small = Settings.of(data=data, tracker={"max_torrents": 100_000, "max_peers": 1_000_000})
    assert memory_needed(small) < 500 << 20 < memory_needed(Settings.of(data=data))
    assert memory_bounds.CENSUS == MEMORY


@pytest.mark.parametrize(("most", "grade"), [(212_992, "warning"), (RECEIVE_BUFFER, "good")])
def test_buffers_of_udp(data, tmp_path, most, grade):
    files = {"proc/sys/net/core/rmem_max": f"{most}\n"}
    assert graded(system.examine_udp(examined(data, root=tmp_path, system_files=files))) == {("UDP", grade)}


def test_packets_that_were_dropped_are_counted_for_our_ports(data, tmp_path):
    head = "  sl  local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode ref pointer drops\n"
    line = "  1: 0100007F:{:04X} 00000000:0000 07 0:0 00:0 0 0 0 1 2 0 {}\n"
    files = {"proc/net/udp": head + line.format(6969, 7) + line.format(53, 100)}
    service = RunningService((ListenAddress("127.0.0.1", 6969),), arrivals())
    found = one(system.examine_udp(examined(data, root=tmp_path, system_files=files, service=service)))
    assert found.text.startswith("7 packets")


@pytest.mark.parametrize(
    ("files", "when_full", "could_go", "grade", "said"),
    [
        (79, "refuse", 0, "good", "79% of it are taken"),
        (
            80,
            "refuse",
            7,
            "warning",
            'set cache.when_full = "unasked": then 7 torrents of 7 B that nobody asked for',
        ),
        (99, "unasked", 5, "note", "the oldest of 5 torrents"),
        (
            99,
            "unasked",
            4,
            "warning",
            "no more than 4 torrents of 4 B that nobody asked for in 30 days may go",
        ),
    ],
)
def test_a_cache_that_fills_is_told_with_what_may_go(data, files, when_full, could_go, grade, said):
    fill = CacheFill(files, stored=files, most_files=100, most_bytes=1 << 30)
    room = RoomState(fill, RoomTerms(WhenFull(when_full), 30), could_go, could_go)
    found = one(examine_cache(examined(data, service=RunningService((), arrivals(), room))))
    assert (found.grade.value, said in f"{found.text} {found.remedy}") == (grade, True)
    assert list(examine_cache(examined(data, service=RunningService((), arrivals())))) == []


@pytest.mark.parametrize(
    ("used", "most", "grade"),
    [(10, 65_536, "note"), (60_000, 65_536, "problem"), (10, 1_000_000, "good"), (0, None, "good")],
)
def test_the_table_of_connections(data, tmp_path, used, most, grade):
    folder = "proc/sys/net/netfilter"
    files = (
        {}
        if most is None
        else {f"{folder}/nf_conntrack_max": str(most), f"{folder}/nf_conntrack_count": str(used)}
    )
    found = one(system.examine_conntrack(examined(data, root=tmp_path, system_files=files)))
    assert found.grade.value == grade


def test_descriptors_that_do_not_suffice(data):
    few = system.examine_descriptors(examined(data, http={"max_connections": 1}))
    assert one(few).grade is Grade.GOOD
    many = one(system.examine_descriptors(examined(data, http={"max_connections": 1_000_000})))
    assert "LimitNOFILE=1000256" in many.remedy or many.grade is Grade.GOOD


def test_a_port_that_is_taken_is_named_where_no_service_runs(data):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = one(examine_ports(examined(data, listen=[f"127.0.0.1:{port}"])))
    assert found.grade is Grade.PROBLEM
    assert str(port) in found.text
    assert graded(examine_ports(examined(data, listen=["127.0.0.1:0"]))) == {("ports", "good")}


def test_ports_that_do_not_answer_are_problems(data):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = ListenAddress("127.0.0.1", gone.getsockname()[1])
    found = one(examine_ports(examined(data, service=RunningService((address,), arrivals()))))
    assert found.grade is Grade.PROBLEM
    assert "TCP and UDP" in found.text


def arrivals(*trusted):
    return Arrivals(
        ClientAddress(Settings.of(trusted_proxies=list(trusted)).trusted_proxies, "x-forwarded-for")
    )


@contextmanager
def public_address(noting, *added):
    """A server that stands for the public address: it adds headers and hands over to who notes arrivals."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            headers = [
                (name.lower().encode(), value.encode()) for name, value in [*self.headers.items(), *added]
            ]
            scope = {"type": "http", "path": path, "query_string": query.encode(), "headers": headers}
            noting(Request({**scope, "client": self.client_address}))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("trusted", "added", "grade", "said"),
    [
        ((), (), "good", "without a proxy"),
        (("127.0.0.1",), (("X-Forwarded-For", "203.0.113.9"),), "good", "names 203.0.113.9"),
        (("127.0.0.1",), (), "problem", "every client has its address"),
        (("127.0.0.1",), (("X-Real-IP", "203.0.113.9"),), "problem", "x-forwarded-for is read"),
        ((), (("X-Forwarded-For", "203.0.113.9"),), "problem", "no trusted proxy"),
    ],
)
def test_proxy_headers_are_judged_as_a_request_arrives(data, trusted, added, grade, said):
    noted = arrivals(*trusted)
    with public_address(noted.note, *added) as url:
        given = examined(
            data, public_url=url, trusted_proxies=list(trusted), service=RunningService((), noted)
        )
        found = [each for each in examine_public_url(given) if each.subject == "proxy"]
    assert one(found).grade.value == grade
    assert said in one(found).text


def test_a_proxy_that_changes_the_host_is_told(data):
    noted = arrivals()

    def renamed(request):
        headers = [(b"host", b"127.0.0.9:99"), *(each for each in request.headers.raw if each[0] != b"host")]
        noted.note(Request({**request.scope, "headers": headers}))

    with public_address(renamed) as url:
        found = list(examine_public_url(examined(data, public_url=url, service=RunningService((), noted))))
    assert "Host: 127.0.0.9:99" in "".join(each.text for each in found if each.subject == "proxy")


def test_a_public_address_that_leads_elsewhere_is_a_problem(data):
    noted = arrivals()
    with public_address(lambda request: None) as url:
        found = list(examine_public_url(examined(data, public_url=url, service=RunningService((), noted))))
    assert ("public_url", "problem") in graded(found)
    found = list(examine_public_url(examined(data, public_url=url, service=RunningService((), noted))))
    assert ("public_url", "warning") in graded(found)


def test_plain_http_and_names_that_are_not_found_are_told(data):
    found = graded(examine_public_url(examined(data, public_url="http://tracker.invalid")))
    assert {("TLS", "warning"), ("DNS", "problem"), ("public_url", "note")} == found


def test_only_requests_with_a_token_that_was_given_out_are_noted():
    noted = arrivals()
    scope = {"type": "http", "path": "/livez", "headers": [], "client": ("192.0.2.1", 5)}
    noted.note(Request({**scope, "query_string": b"probe=guessed"}))
    assert noted.take("guessed") is None
    tokens = [noted.expect() for _ in range(100)]
    for token in tokens:
        noted.note(Request({**scope, "query_string": f"probe={token}".encode()}))
    assert noted.take(tokens[0]) is None  # too many wait
    assert noted.take(tokens[-1]).socket == "192.0.2.1"
    assert noted.take(tokens[-1]) is None


async def test_findings_are_kept_for_a_while_and_are_for_admins():
    looked, timer = [], [0.0]

    def look(thorough):
        looked.append(thorough)
        return [Finding("clock", Grade.GOOD, "fine")]

    diagnosis = Diagnosis(look, Rights(frozenset()), lambda: NOW, kept=60, timer=lambda: timer[0])
    operator = Principal(operator="test")
    with pytest.raises(Refusal):
        await diagnosis.findings(NOBODY)
    await diagnosis.findings(operator)
    assert (await diagnosis.findings(operator)).time == NOW
    assert looked == [False]
    await diagnosis.findings(operator, thorough=True, fresh=True)
    timer[0] = 61.0
    await diagnosis.findings(operator)
    assert looked == [False, True, False]


def test_a_server_examines_itself(start_peerage):
    service = start_peerage()
    ran = service.run("doctor", "--json")
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.stderr == ""
    assert {"subject": "ports", "grade": "good", "remedy": ""}.items() <= next(
        each for each in found if each["subject"] == "ports"
    ).items()
    assert f"127.0.0.1:{service.port} answers" in ran.stdout
    assert ran.returncode == (1 if any(each["grade"] in {"warning", "problem"} for each in found) else 0)


def test_the_log_of_maintenance_is_bounded_and_survives_damage(tmp_path):
    log = MaintenanceLog(tmp_path / "maintenance.log")
    assert log.entries() == []
    for ago in (-2, -1):
        log.append(MaintenanceEntry(ago, "restore", 0.5, True, {}))
    for number in range(400):
        log.append(MaintenanceEntry(number, "vacuum", 0.5, True, {"text": "x" * 3500}))
    with (tmp_path / "maintenance.log").open("ab") as file:
        file.write(b'{"time": 1\n')
    log.append(MaintenanceEntry(400, "backup", 0.5, False, {"text": "x" * 10_000}))
    found = log.entries()
    assert [found[0].what, found[0].details, found[1].time] == ["backup", {}, 399]
    assert [each.time for each in log.entries("backup")] == [400]
    assert (tmp_path / "maintenance.log").stat().st_size < 1_100_000
    assert [each.time for each in log.entries("restore")] == [-1], "the newest of each kind stays"


async def test_a_mail_server_is_tried_with_its_tls_and_nothing_is_sent(tmp_path):
    url = {"public_url": "https://tracker.example"}
    assert list(examine_mail(examined(tmp_path))) == []
    async with mail_server() as box:
        good = SETTINGS | {"port": box.port}
        for mail, more, grade in (
            (good, url, "good"),
            (good | {"tls": "starttls"}, url, "problem"),
            (good, {}, "problem"),
        ):
            found = await asyncio.to_thread(
                lambda given: list(examine_mail(given)), examined(tmp_path, mail=mail, **more)
            )
            assert graded(found) == {("mail", grade)}
        assert box.mails == []
    (gone,) = await asyncio.to_thread(lambda: list(examine_mail(examined(tmp_path, mail=good, **url))))
    assert gone.is_wrong
    assert f"127.0.0.1:{good['port']} cannot be used" in gone.text
